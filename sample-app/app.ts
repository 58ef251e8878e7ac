import { createApp, type App, type AppOptions } from 'halyard';
import { ChatController } from './chat.controller.js';
import { PageController } from './page.controller.js';
import { RoomStore } from './room-store.js';
import { STAFF_KEY } from './staff-only.guard.js';

/** The chat, not listening yet: `main.ts` and the tests start it with settings of their own. */
export function createChat({ staffKey, ...settings }: AppOptions & { staffKey: string }): Promise<App> {
  return createApp({
    controllers: [ChatController, PageController],
    providers: [RoomStore, { provide: STAFF_KEY, useValue: staffKey }],
    ignoreTrailingSlash: true,
    ...settings,
  });
}
