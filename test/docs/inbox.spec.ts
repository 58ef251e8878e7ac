/** The code of docs/inbox.md, run. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Class } from 'halyard';
import { testApp } from 'halyard/testing';
import { Document } from '../support/document.js';

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/inbox.md');
}, 60_000);
afterAll(() => doc?.close());

describe('docs/inbox.md', () => {
  it('has a conversation', async () => {
    const { EchoController } = await doc.module<{ EchoController: Class }>('A conversation');
    const app = await testApp({ controllers: [EchoController] });
    const client = await app.connect('/echo');
    expect(await client.next()).toBe('who are you?');
    for (const text of ['Ada', 'hello', 'bye']) client.send(text);
    expect([await client.next(), await client.next()]).toEqual(['Ada said hello', 'goodbye, Ada']);
    expect((await client.closed()).code).toBe(1000);
  });

  it('keeps a room', async () => {
    const { RoomController } = await doc.module<{ RoomController: Class }>('A room');
    const app = await testApp({ controllers: [RoomController] });
    const ada = await app.connect('/rooms/tea?name=Ada');
    ada.send('anybody?');
    expect(await ada.json()).toEqual({ type: 'chat', said: { from: 'Ada', text: 'anybody?' } });
    const bo = await app.connect('/rooms/tea?name=Bo');
    expect(await ada.json()).toEqual({ type: 'join', user: { name: 'Bo' } });
    bo.send('me');
    for (const client of [ada, bo]) {
      expect(await client.json()).toEqual({ type: 'chat', said: { from: 'Bo', text: 'me' } });
    }
    bo.terminate();
    expect(await ada.json()).toEqual({ type: 'leave', user: { name: 'Bo' } });
  });

  it('waits for no longer than that', async () => {
    const { QuizController } = await doc.module<{ QuizController: Class<{ patience: string }> }>(
      'Waiting for no longer than that',
    );
    const app = await testApp({ controllers: [QuizController] });
    const quick = await app.connect('/quiz');
    quick.send('42');
    expect([await quick.next(), await quick.next()]).toEqual(['6 × 7?', 'right']);
    app.get(QuizController).patience = '10ms';
    const sleepy = await app.connect('/quiz');
    expect([await sleepy.next(), await sleepy.next()]).toEqual(['6 × 7?', 'too late']);
  });

  it('has no code that nobody runs', () => {
    expect(doc.untaken).toEqual([]);
  });
});
