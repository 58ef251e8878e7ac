import { describe, expect, it } from '@jest/globals';
import { Expose, Transform, Type } from 'class-transformer';
import {
  Allow,
  ArrayMaxSize,
  IsDate,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Min,
  registerDecorator,
  Validate,
  ValidateIf,
  ValidateNested,
  ValidatorConstraint,
} from 'class-validator';
import { Body, Controller, Get, OnConnect, Param, Post, Query, WebSocket, type Class } from 'halyard';
import { testApp, type TestClient } from 'halyard/testing';
import { ask, broken } from './asking.js';

class Tag {
  @Length(1, 10)
  name!: string;
}

abstract class Entry {
  @IsInt()
  @Min(1)
  id!: number;
}

class Article extends Entry {
  @Transform(({ value }) => (typeof value === 'string' ? value.trim() : (value as unknown)))
  @Length(1, 20, { message: '$property has $constraint1 to $constraint2 characters, not "$value"' })
  title!: string;

  @IsOptional()
  @IsDate()
  @Type(() => Date)
  at?: Date;

  @ValidateNested({ each: true })
  @ArrayMaxSize(3)
  @Type(() => Tag)
  tags: Tag[] = [];

  @ValidateIf((article: Article) => article.kind === 'link')
  @Matches(/^https:/)
  url?: string;

  @IsIn(['text', 'link'])
  kind = 'text';

  @Allow()
  extra?: unknown;

  @Expose({ name: 'by' })
  @IsString()
  author!: string;

  get shout(): string {
    return this.title.toUpperCase();
  }
}

class Filter {
  @IsInt()
  @Type(() => Number)
  page!: number;

  @IsOptional()
  @Length(1, 3, { each: true })
  tags?: string[];
}

@ValidatorConstraint({ name: 'isTame' })
class IsTame {
  validate(value: unknown): boolean {
    return value !== 'wild';
  }
  defaultMessage(): string {
    return '$value is not tame';
  }
}

class Visit {
  @Validate(IsTame)
  name!: string;
}

class Circle {
  @IsInt()
  radius!: number;
}

class Drawing {
  @ValidateNested()
  @Type(() => Object, {
    discriminator: { property: 'kind', subTypes: [{ name: 'circle', value: Circle }] },
  })
  shapes!: Circle[];
}

/** Asks somebody else, and says so nowhere. */
const IsFreeEmail: PropertyDecorator = (target, propertyName) =>
  registerDecorator({
    name: 'isEmail',
    target: target.constructor,
    propertyName: propertyName as string,
    validator: {
      async validate(value: unknown) {
        await Promise.resolve();
        if (value === 'broken') throw new Error('nobody answers');
        return value !== 'taken';
      },
      defaultMessage: () => '$property is taken',
    },
  });

class Account {
  @IsFreeEmail
  email!: string;
}

/** What arrived, as its endpoint saw it. */
function seen(value: object): unknown {
  return { type: value.constructor.name, value };
}

async function clientOf(controller: Class): Promise<TestClient> {
  const app = await testApp({ controllers: [controller] });
  return app.connect('/dto');
}

describe('a DTO', () => {
  it('R-dto-compiled is made, stripped and checked by what was read of its decorators at boot', async () => {
    @Controller('dto')
    class Articles {
      @WebSocket()
      take(@Body() article: Article): unknown {
        return {
          ...(seen(article) as object),
          shout: article.shout,
          at: article.at instanceof Date,
          tags: article.tags.map((tag) => tag.constructor.name),
        };
      }
    }
    const app = await testApp({ controllers: [Articles] });
    expect(app.app.routes()).toMatchObject([{ handler: 'Articles.take', validation: 'compiled' }]);
    const client = await app.connect('/dto');
    const at = '2026-11-21T10:00:00.000Z';
    const given = {
      extra: { any: ['thing'] },
      by: 'ada',
      title: '  Hello ',
      at,
      admin: true,
      tags: [{ name: 'a', admin: true }],
      shout: 'no',
      id: 7,
    };
    expect(await ask(client, given)).toEqual({
      type: 'Article',
      value: {
        tags: [{ name: 'a' }],
        kind: 'text',
        extra: { any: ['thing'] },
        author: 'ada',
        title: 'Hello',
        at,
        id: 7,
      },
      shout: 'HELLO',
      at: true,
      tags: ['Tag'],
    });
    expect(
      await ask(client, {
        id: 0,
        title: ' ',
        at: 'never',
        tags: [{}, 5],
        kind: 'link',
        url: 'http://a',
        author: 'ada',
      }),
    ).toEqual(
      broken(
        { path: 'title', rule: 'isLength', message: 'title has 1 to 20 characters, not ""' },
        { path: 'at', rule: 'isDate', message: 'at must be a Date instance' },
        {
          path: 'tags.0.name',
          rule: 'isLength',
          message: 'name must be longer than or equal to 1 characters',
        },
        {
          path: 'tags.1',
          rule: 'nestedValidation',
          message: 'each value in nested property tags must be either object or array',
        },
        { path: 'url', rule: 'matches', message: 'url must match /^https:/ regular expression' },
        { path: 'author', rule: 'isString', message: 'author must be a string' },
        { path: 'id', rule: 'min', message: 'id must not be less than 1' },
      ),
    );
    expect(await ask(client, { ...given, title: 'again' })).toMatchObject({ shout: 'AGAIN' });
  });

  it('R-dto-libraries goes through the libraries where it cannot be compiled, and app.routes() says why', async () => {
    @Controller('dto')
    class Mixed {
      @OnConnect()
      enter(@Query() _filter: Filter): void {}
      @WebSocket({ event: 'article' })
      article(@Body() article: Article): unknown {
        return seen(article);
      }
      @WebSocket({ event: 'visit' })
      visit(@Body([Visit]) visits: Visit[]): unknown {
        return visits.map(seen);
      }
      @WebSocket({ event: 'drawing' })
      drawing(@Body('drawing', Drawing) drawing: Drawing): unknown {
        return drawing.shapes.map(seen);
      }
      @WebSocket({ event: 'text' })
      text(@Body() _text: string, @Query('page') _page: string): void {}
      @Post('both')
      both(@Body() visit: Visit, @Query() filter: Filter): unknown {
        return [visit, filter].map(seen);
      }
    }
    const app = await testApp({ controllers: [Mixed] });
    const tame = 'class-validator (Visit.name: the custom validator isTame)';
    expect(Object.fromEntries(app.app.routes().map(({ handler, validation }) => [handler, validation]))).toEqual({
      'Mixed.enter': 'compiled',
      'Mixed.article': 'compiled',
      'Mixed.visit': tame,
      'Mixed.drawing': 'class-validator (Drawing.shapes: @Type with a discriminator)',
      'Mixed.text': undefined,
      'Mixed.both': tame,
    });
    const client = await app.connect('/dto?page=1');
    const send = (event: string, payload: unknown): Promise<unknown> => ask(client, { event, payload });
    expect(await send('visit', [{ name: 'ada', admin: true }])).toEqual([{ type: 'Visit', value: { name: 'ada' } }]);
    expect(await send('visit', [{ name: 'wild' }, { name: 'ada' }, 7])).toEqual(
      broken(
        { path: '0.name', rule: 'isTame', message: 'wild is not tame' },
        { path: '2', rule: 'type', message: 'must be an object, not number' },
      ),
    );
    const shapes = [{ kind: 'circle', radius: 2, admin: true }];
    expect(await send('drawing', { drawing: { shapes } })).toEqual([{ type: 'Circle', value: { radius: 2 } }]);
    expect(await send('drawing', { drawing: { shapes: [...shapes, { kind: 'circle' }] } })).toEqual(
      broken({ path: 'drawing.shapes.1.radius', rule: 'isInt', message: 'radius must be an integer number' }),
    );
    const { body } = await app.request('/dto/both?page=2', { method: 'POST', body: { name: 'ada' } });
    expect(body).toEqual([
      { type: 'Visit', value: { name: 'ada' } },
      { type: 'Filter', value: { page: 2 } },
    ]);
  });

  it('R-dto-async waits for a validator that answers with a promise, also where it bears a name of class-validator', async () => {
    @Controller('dto')
    class Accounts {
      @WebSocket()
      take(@Body() account: Account): unknown {
        return seen(account);
      }
    }
    const client = await clientOf(Accounts);
    expect(await ask(client, { email: 'ada@example.org', admin: true })).toEqual({
      type: 'Account',
      value: { email: 'ada@example.org' },
    });
    expect(await ask(client, { email: 'taken' })).toEqual(
      broken({ path: 'email', rule: 'isEmail', message: 'email is taken' }),
    );
    expect(await ask(client, { email: 'broken' })).toMatchObject({ payload: { code: 'INTERNAL' } });
    expect(await ask(client, { email: 'ada@example.org' })).toMatchObject({ type: 'Account' });
  });

  it('R-dto-query is compiled for a query and for path parameters as well', async () => {
    @Controller('rooms/:page')
    class Rooms {
      @Get()
      @WebSocket()
      list(@Query() query: Filter, @Param() params: Filter): unknown {
        return [query, params].map(seen);
      }
    }
    const app = await testApp({ controllers: [Rooms] });
    expect(app.app.routes().map(({ validation }) => validation)).toEqual(['compiled', 'compiled']);
    const wanted = [
      { type: 'Filter', value: { page: 2, tags: ['a', 'b'] } },
      { type: 'Filter', value: { page: 7 } },
    ];
    const path = '/rooms/7?page=2&tags=a&tags=b&admin=1';
    expect((await app.request(path)).body).toEqual(wanted);
    expect(await ask(await app.connect(path), '')).toEqual(wanted);
    const details = [
      { path: 'page', rule: 'isInt', message: 'page must be an integer number' },
      {
        path: 'tags',
        rule: 'isLength',
        message: 'each value in tags must be longer than or equal to 1 and shorter than or equal to 3 characters',
      },
    ];
    const refusal = { status: 400, body: { code: 'PARAM_INVALID', details } };
    expect(await app.request('/rooms/7?page=x&tags=a&tags=long')).toMatchObject(refusal);
    expect(await app.refused('/rooms/7?page=x&tags=a&tags=long')).toMatchObject(refusal);
  });
});
