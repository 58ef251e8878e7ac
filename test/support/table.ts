import { expect } from '@jest/globals';
import { closeAll } from 'halyard/testing';
import { tableOf } from './document.js';

/** By the first cell of a row, what shows that the row is true. */
export type Rows = Record<string, () => Promise<void>>;

/** Does each row of a page's table, one after the other. A row that is not known, or that is gone, fails. */
export async function showTable(path: string, heading: string, rows: Rows): Promise<void> {
  expect(Object.keys(rows)).toEqual(tableOf(path, heading));
  for (const [row, show] of Object.entries(rows)) {
    try {
      await show();
    } catch (error) {
      throw new Error(`${row}: ${(error as Error).message}`, { cause: error });
    }
    await closeAll();
  }
}
