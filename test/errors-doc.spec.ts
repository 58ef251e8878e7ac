/** Holds docs/errors.md and the code together, both ways. */
import { readdirSync, readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  HalyardError,
  HttpError,
  OnConnect,
  OnError,
  Query,
  WebSocket,
  ConnectionError,
  type WireCode,
} from 'halyard';
import { testApp, type TestApp } from 'halyard/testing';
import { bootCodes, errorTable, statusCode } from '#internal/errors.js';

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

interface Row {
  readonly code: string;
  readonly cells: readonly string[];
}

/** The rows of the table below a heading, without its head. */
function tableOf(heading: string): Row[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/errors.md has no heading "${heading}"`);
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) => {
    const [code = '', ...cells] = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { code: code.replaceAll('`', ''), cells };
  });
}

const wireHeadings = [
  'Requests and upgrades',
  'Messages and bodies',
  'Frames',
  'What server code asked for and cannot have',
] as const;
const wireRows = wireHeadings.flatMap(tableOf);
const bootRows = tableOf('Mistakes found at boot');
const wireCodes = Object.keys(errorTable) as WireCode[];

/** What a client is told of an error that is thrown as it is. */
function shown(code: WireCode): string {
  return errorTable[code].status === 500 ? 'INTERNAL' : code;
}

describe('docs/errors.md', () => {
  it('has each code of the table once, in its order, with its status, close code, and whether it is temporary', () => {
    expect(wireRows.map(({ code, cells: [status, close, temporary] }) => ({ code, status, close, temporary }))).toEqual(
      wireCodes.map((code) => {
        const { status, close, temporary } = errorTable[code];
        return { code, status: String(status), close: String(close), temporary: temporary ? 'yes' : '–' };
      }),
    );
  });

  it('has each code of a mistake at boot once', () => {
    expect(bootRows.map(({ code }) => code).sort()).toEqual(Object.keys(bootCodes).sort());
  });

  it('says of each when it happens and what to do', () => {
    for (const { code, cells } of [...wireRows, ...bootRows]) {
      for (const cell of cells) expect([code, cell]).not.toEqual([code, '']);
    }
  });

  it('names no code that does not exist', () => {
    const statuses = Object.keys(STATUS_CODES).map((status) => statusCode(Number(status)));
    const own = ['ROOM_FULL', 'NO_SUCH_ROW'];
    const known = new Set<string>([...wireCodes, ...Object.keys(bootCodes), ...statuses, ...own, 'HALYARD_']);
    const named = text.match(/\b[A-Z]{2,}_[A-Z_]*|(?<=`)[A-Z]{4,}(?=`)/g) ?? [];
    expect(named.filter((code) => !known.has(code))).toEqual([]);
  });

  it('says of a code that nothing raises that it is reserved', () => {
    const reserved = wireRows.filter(({ cells }) => cells[3]!.startsWith('reserved')).map(({ code }) => code);
    const source = new URL('../../src/', import.meta.url);
    const raised = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => readFileSync(new URL(path, source), 'utf8'))
      .join('\n');
    expect(wireCodes.filter((code) => !raised.includes(`'${code}'`) && !reserved.includes(code))).toEqual([]);
  });
});

/** Throws what the query names, at each place where something can be thrown. */
@Controller('throw')
class ThrowingController {
  readonly errors: unknown[] = [];

  @Get()
  http(@Query('code') code: string): never {
    throw errorOf(code);
  }

  @WebSocket('message')
  message(@Query('code') code: string): never {
    throw errorOf(code);
  }

  @OnConnect('connect')
  connect(@Query('code') code: string): never {
    throw errorOf(code);
  }

  @OnError()
  error({ error }: ConnectionError): void {
    this.errors.push(error);
  }
}

function errorOf(code: string): Error {
  return /^\d+$/.test(code) ? new HttpError(Number(code)) : new HalyardError(code as WireCode);
}

async function connectWith(app: TestApp, code: string): Promise<[code: number, reason: string]> {
  const closed = await (await app.connect(`/throw/connect?code=${code}`)).closed();
  return [closed.code, closed.reason];
}

describe('what docs/errors.md says of each code', () => {
  it.each(wireCodes)('%s answers a request, answers a message, and closes a connection that opens', async (code) => {
    const app = await testApp({ controllers: [ThrowingController] });
    const { status, close, text: message } = errorTable[code];
    const payload = { code: shown(code), message: status === 500 ? 'internal error' : message };
    expect(await app.request(`/throw?code=${code}`)).toMatchObject({ status, body: payload });
    const client = await app.connect(`/throw/message?code=${code}`);
    client.send('anything');
    expect(await client.json()).toEqual({ event: 'error', payload });
    await client.idle();
    expect(await connectWith(app, code)).toEqual([close, shown(code)]);
  });

  it.each([
    ['401', 1008, 'UNAUTHORIZED'],
    ['429', 1008, 'TOO_MANY_REQUESTS'],
    ['503', 1013, 'SERVICE_UNAVAILABLE'],
    ['500', 1011, 'INTERNAL_SERVER_ERROR'],
    ['502', 1011, 'BAD_GATEWAY'],
  ])('an HttpError %s in @OnConnect closes with %d and its code', async (status, close, reason) => {
    const app = await testApp({ controllers: [ThrowingController] });
    expect(await connectWith(app, status)).toEqual([close, reason]);
  });

  it('exposeErrors shows the text of a server fault, and not its code', async () => {
    @Controller('fault')
    class FaultyController {
      @Get()
      fault(): never {
        throw new Error('no table "users"');
      }
    }
    for (const exposeErrors of [false, true]) {
      const app = await testApp({ controllers: [FaultyController], exposeErrors });
      const message = exposeErrors ? 'no table "users"' : 'internal error';
      expect((await app.request('/fault')).body).toEqual({ code: 'INTERNAL', message });
    }
  });
});
