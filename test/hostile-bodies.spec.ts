import { describe, expect, it } from '@jest/globals';
import { Type } from 'class-transformer';
import {
  IsOptional,
  IsString,
  registerDecorator,
  Validate,
  ValidateNested,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { Body, Controller, Json, WebSocket } from 'halyard';
import { testApp } from 'halyard/testing';
import { z } from 'zod';
import { ask, broken, errorFrame } from './asking.js';

class Tree {
  @IsString()
  @IsOptional()
  name?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Tree)
  child?: Tree;
}

@ValidatorConstraint({ name: 'isFree', async: true })
class IsFree implements ValidatorConstraintInterface {
  async validate(name: unknown): Promise<boolean> {
    return Promise.resolve(name !== 'taken');
  }
  defaultMessage(): string {
    return 'is taken';
  }
}

/** Says nowhere that it is asynchronous, as few do. */
function IsKnown(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name: 'isKnown',
      target: target.constructor,
      propertyName: propertyName as string,
      validator: {
        validate: (value: unknown) => Promise.resolve(value === 'known'),
        defaultMessage: () => 'is not known',
      },
    });
}

class Account {
  @Validate(IsFree)
  name!: string;
}

class Visitor {
  @IsKnown()
  name!: string;
}

const deep = (levels: number): string => `${'{"child":'.repeat(levels)}{}${'}'.repeat(levels)}`;

interface TreeShape {
  child?: TreeShape | undefined;
}
const treeSchema: z.ZodType<TreeShape> = z.object({ child: z.lazy(() => treeSchema).optional() });

@Controller('bodies')
class Bodies {
  @WebSocket('json', { maxPayload: '1mb' })
  json(@Body(Json) value: unknown): unknown {
    return { keys: Object.keys(value as object), polluted: 'polluted' in {} };
  }

  @WebSocket('tree', { maxPayload: '1mb' })
  tree(@Body() tree: Tree): unknown {
    return { name: tree.name, keys: Object.keys(tree) };
  }

  @WebSocket('schema', { maxPayload: '1mb' })
  schema(@Body(treeSchema) tree: object): unknown {
    return { keys: Object.keys(tree) };
  }

  @WebSocket('accounts')
  accounts(@Body([Account]) accounts: Account[]): unknown {
    return { count: accounts.length };
  }

  @WebSocket('account')
  account(@Body() account: Account): unknown {
    return account;
  }

  @WebSocket('visitor')
  visitor(@Body() visitor: Visitor): unknown {
    return visitor;
  }
}

describe('a hostile body', () => {
  it('R-body-proto with a key that reaches a prototype is refused, at any depth and however it is spelled', async () => {
    const app = await testApp({ controllers: [Bodies] });
    for (const path of ['/bodies/json', '/bodies/tree', '/bodies/schema']) {
      const client = await app.connect(path);
      for (const [text, key] of [
        ['{"__proto__":{"polluted":1}}', '__proto__'],
        ['{"a":[{"b":{"__proto__":null}}]}', '__proto__'],
        ['{"\\u005f_proto__":{"polluted":1}}', '__proto__'],
        ['{"\\u005F\\u005fproto\\u005f_":1}', '__proto__'],
        ['{"constructor":{"prototype":{"polluted":1}}}', 'constructor'],
        ['{"child":{"prototype":{}}}', 'prototype'],
      ]) {
        expect(await ask(client, text!)).toEqual(errorFrame('BODY_INVALID', `the key "${key}" is not allowed`));
      }
    }
    const client = await app.connect('/bodies/json');
    expect(await ask(client, '{"name":"__proto__","proto":"constructor","\\u0061":"prototype"}')).toEqual({
      keys: ['name', 'proto', 'a'],
      polluted: false,
    });
  });

  it('R-body-proto nor does a key of the body hide a method or a getter of the class', async () => {
    const app = await testApp({ controllers: [Bodies] });
    const client = await app.connect('/bodies/tree');
    expect(await ask(client, '{"name":"a","toString":1,"hasOwnProperty":1,"then":1}')).toEqual({
      name: 'a',
      keys: ['name'],
    });
  });

  it('is read however deep it is nested, or refused where a validator cannot follow', async () => {
    const app = await testApp({ controllers: [Bodies] });
    const json = await app.connect('/bodies/json');
    expect(await ask(json, deep(10_000))).toEqual({ keys: ['child'], polluted: false });
    expect(await ask(json, `${'['.repeat(10_000)}${']'.repeat(10_000)}`)).toEqual({ keys: ['0'], polluted: false });
    const tooDeep = errorFrame('BODY_INVALID', 'the body is nested too deep');
    const tree = await app.connect('/bodies/tree');
    expect(await ask(tree, deep(10_000))).toEqual(tooDeep);
    expect(await ask(tree, { name: 'still here' })).toMatchObject({ name: 'still here' });
    const schema = await app.connect('/bodies/schema');
    expect(await ask(schema, deep(50_000))).toEqual(tooDeep);
    expect(await ask(schema, '{}')).toEqual({ keys: [] });
    expect(app.app.metrics().connections).toBe(3);
  });

  it('of many broken rules is answered with the first hundred', async () => {
    const app = await testApp({ controllers: [Bodies] });
    const client = await app.connect('/bodies/accounts');
    client.send(`[${'0,'.repeat(20_000)}0]`);
    const { payload } = await client.json<{ payload: { details: { path: string }[] } }>();
    expect(payload.details).toHaveLength(100);
    expect(payload.details.at(-1)).toMatchObject({ path: '99', rule: 'type' });
  });

  it('does not slip past a validator that answers with a promise', async () => {
    const app = await testApp({ controllers: [Bodies] });
    const account = await app.connect('/bodies/account');
    expect(await ask(account, { name: 'free' })).toEqual({ name: 'free' });
    expect(await ask(account, { name: 'taken' })).toEqual(
      broken({ path: 'name', rule: 'isFree', message: 'is taken' }),
    );
    const visitor = await app.connect('/bodies/visitor');
    expect(await ask(visitor, { name: 'known' })).toEqual({ name: 'known' });
    expect(await ask(visitor, { name: 'else' })).toEqual(
      broken({ path: 'name', rule: 'isKnown', message: 'is not known' }),
    );
    const accounts = await app.connect('/bodies/accounts');
    expect(await ask(accounts, [{ name: 'a' }, { name: 'taken' }, 5])).toEqual(
      broken(
        { path: '1.name', rule: 'isFree', message: 'is taken' },
        { path: '2', rule: 'type', message: 'must be an object, not number' },
      ),
    );
  });
});
