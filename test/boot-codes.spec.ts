import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  Inbox,
  Injectable,
  OnDisconnect,
  Query,
  Sender,
  WebSocket,
  type AppOptions,
  type BootCode,
} from 'halyard';
import { bootCodes } from '#internal/errors.js';
import { problemsOf } from './boot-problems.js';

@Injectable({ scope: 'connection' })
class Visit {}

class Nobody {}

class Hen {
  constructor(readonly egg: unknown) {}
}

/** A controller with one endpoint, whose parameter has `Type`. */
function controllerWith(decorate: (prototype: object, name: string) => void, type?: unknown): AppOptions {
  class Case {
    take(): void {}
  }
  Reflect.defineMetadata('design:paramtypes', type === undefined ? [] : [type], Case.prototype, 'take');
  decorate(Case.prototype, 'take');
  Controller('case')(Case);
  return { controllers: [Case] };
}

const socket = (prototype: object, name: string, options = {}): unknown => WebSocket(options)(prototype, name, {});

/** For each code the smallest app that has this mistake, and no other. */
const cases: Record<BootCode, () => AppOptions> = {
  HALYARD_BOOT_BIND: () => controllerWith(socket, Nobody),
  HALYARD_BOOT_BODY_TYPE: () =>
    controllerWith((prototype, name) => {
      socket(prototype, name);
      Body()(prototype, name, 0);
    }, Object),
  HALYARD_BOOT_PARAM_TYPE: () =>
    controllerWith((prototype, name) => {
      socket(prototype, name);
      Query('q')(prototype, name, 0);
    }, Object),
  HALYARD_BOOT_DUPLICATE: () =>
    controllerWith((prototype, name) => {
      socket(prototype, name);
      socket(prototype, name);
    }),
  HALYARD_BOOT_PATH_SHARED: () => ({
    controllers: [...controllerWith(socket).controllers!, ...controllerWith(socket).controllers!],
  }),
  HALYARD_BOOT_PATH: () => controllerWith((prototype, name) => WebSocket('*/more')(prototype, name, {})),
  HALYARD_BOOT_OPTIONS: () => controllerWith((prototype, name) => socket(prototype, name, { timeout: 'soon' })),
  HALYARD_BOOT_SENDER: () =>
    controllerWith((prototype, name) => socket(prototype, name, { mode: 'receiveOnly' }), Sender),
  HALYARD_BOOT_INBOX: () => controllerWith((prototype, name) => socket(prototype, name, { event: 'say' }), Inbox),
  HALYARD_BOOT_STANDARD_DECORATORS: () => {
    class Case {}
    (Controller('case') as (target: unknown, context: unknown) => void)(Case, { kind: 'class', name: 'Case' });
    return { controllers: [Case] };
  },
  HALYARD_BOOT_CONTROLLER: () => ({ controllers: [Nobody] }),
  HALYARD_BOOT_COMPONENT: () => ({ use: [Nobody] }),
  HALYARD_BOOT_EVENT: () => controllerWith((prototype, name) => socket(prototype, name, { event: 'reply' })),
  HALYARD_BOOT_HOOK: () =>
    controllerWith((prototype, name) => {
      Get()(prototype, name, {});
      OnDisconnect()(prototype, name, {});
    }),
  HALYARD_BOOT_PROVIDER: () => ({ providers: [{ provide: 'a', useExisting: 'b' }] }),
  HALYARD_BOOT_CYCLE: () => ({
    providers: [
      { provide: Hen, useFactory: (egg: unknown) => new Hen(egg), inject: ['egg'] },
      { provide: 'egg', useFactory: (hen: unknown) => hen, inject: [Hen] },
    ],
  }),
  HALYARD_BOOT_SCOPE: () => ({
    providers: [Visit, { provide: 'keeper', useFactory: (visit: unknown) => visit, inject: [Visit] }],
  }),
  HALYARD_BOOT_SETTING: () => ({ maxPayload: 'huge' }),
};

describe('the codes of boot mistakes', () => {
  it.each(Object.entries(cases))('R-boot-all %s is reported for what it means, and alone', async (code, options) => {
    const problems = await problemsOf(options());
    expect(problems.map((problem) => problem.code)).toEqual([code]);
    for (const { where, reason, fix } of problems) {
      expect([where, reason, fix].every((text) => text.length > 2)).toBe(true);
    }
  });

  it('R-boot-all are all in the table, and each of the table has a case', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(bootCodes).sort());
  });
});
