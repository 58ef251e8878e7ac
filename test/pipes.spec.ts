import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  ParseArrayPipe,
  ParseBoolPipe,
  ParseEnumPipe,
  ParseFloatPipe,
  ParseIntPipe,
  ParseUUIDPipe,
  Query,
} from 'halyard';
import { testApp } from 'halyard/testing';

enum Color {
  red = 'RED',
  blue = 'BLUE',
}

@Controller('pipes')
class Pipes {
  @Get('int')
  int(@Query('v', ParseIntPipe) v: number): unknown {
    return { v };
  }
  @Get('float')
  float(@Query('v', new ParseFloatPipe()) v: number): unknown {
    return { v };
  }
  @Get('bool')
  bool(@Query('v', ParseBoolPipe) v: boolean): unknown {
    return { v };
  }
  @Get('uuid')
  uuid(@Query('v', ParseUUIDPipe) v: string): unknown {
    return { v };
  }
  @Get('enum')
  enum(@Query('v', new ParseEnumPipe(Color)) v: Color): unknown {
    return { v };
  }
  @Get('array')
  array(@Query('v', new ParseArrayPipe(';')) v: string[]): unknown {
    return { v };
  }
}

describe('a pipe of the framework', () => {
  it.each<[pipe: string, takes: Record<string, unknown>, refuses: string[], message: string]>([
    ['int', { '-5': -5, '0': 0 }, ['1.0', '1e3', '', '9007199254740993', ' 1'], '"v" must be an integer'],
    ['float', { '1.5': 1.5, '-2': -2 }, ['1e999', '0x1', '', 'abc'], '"v" must be a number'],
    ['bool', { true: true, false: false }, ['1', 'TRUE', ''], '"v" must be true or false'],
    [
      'uuid',
      { '0190B3A4-7f2e-7000-8000-000000000000': '0190B3A4-7f2e-7000-8000-000000000000' },
      ['0190b3a4', '0190b3a4-7f2e-7000-8000-00000000000g', ''],
      '"v" must be a UUID',
    ],
    ['enum', { RED: 'RED' }, ['red', '', 'toString'], '"v" must be one of RED, BLUE'],
    ['array', { 'a;b': ['a', 'b'], '': [], 'a&v=b': ['a', 'b'] }, [], ''],
  ])('takes what it says and nothing else: %s', async (pipe, takes, refuses, message) => {
    const app = await testApp({ controllers: [Pipes] });
    for (const [text, v] of Object.entries(takes)) {
      expect((await app.request(`/pipes/${pipe}?v=${text}`)).body).toEqual({ v });
    }
    for (const text of refuses) {
      const { status, body } = await app.request(`/pipes/${pipe}?v=${encodeURIComponent(text)}`);
      expect([status, body]).toEqual([
        400,
        { code: 'PARAM_INVALID', message, details: [{ path: 'v', rule: 'type', message }] },
      ]);
    }
  });
});
