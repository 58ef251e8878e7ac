import type { AppOptions } from 'halyard';
import { BoardController } from './board/board.controller.js';
import { BoardStore } from './board/board-store.js';
import { ChatController } from './chat/chat.controller.js';
import { RoomStore } from './chat/room-store.js';
import { STAFF_KEY } from './entrance/staff-only.guard.js';
import { PageController } from './page.controller.js';
import { Reports } from './staff/reports.js';
import { StaffController } from './staff/staff.controller.js';

/** What the samples are made of: `main.ts` and the tests make an app of it, with settings of their own. */
export function sampleApp(staffKey: string): AppOptions {
  return {
    controllers: [ChatController, BoardController, StaffController, PageController],
    providers: [RoomStore, BoardStore, Reports, { provide: STAFF_KEY, useValue: staffKey }],
    ignoreTrailingSlash: true,
  };
}
