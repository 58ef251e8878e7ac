/** What the sample app takes from clients that are not its pages. */
import { expect, it } from '@jest/globals';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { sampleApp } from '../sample-app/app.js';
import { Board } from '../sample-app/board/board.js';
import { maxNumbers } from '../sample-app/board/stroke.js';

interface Frame {
  event: string;
  ref?: number;
  channel?: string;
  payload: Record<string, unknown>;
}

/** A client that has come in, with the id that the server knows it by. */
async function come(app: TestApp, path: string, secret: string): Promise<{ client: TestClient; id: string }> {
  const client = await app.connect(path, { protocols: ['plain', `auth.${secret}`] });
  const { payload } = await frame(client, ({ event }) => event === 'welcome');
  return { client, id: String(payload['you']) };
}

/** The next frame that is looked for; others are read over. */
async function frame(client: TestClient, isIt: (frame: Frame) => boolean): Promise<Frame> {
  for (;;) {
    const next = await client.json<Frame>();
    if (isIt(next)) return next;
  }
}

/** The next binary frame. */
async function bytes(client: TestClient): Promise<Buffer> {
  for (;;) {
    const next = await client.next();
    if (typeof next !== 'string') return next;
  }
}

let refs = 0;

/** What the server answers. */
function ask(client: TestClient, event: string, payload: unknown): Promise<Frame> {
  const ref = ++refs;
  client.send({ event, payload, ref });
  return frame(client, (next) => next.ref === ref);
}

const ada = 'a'.repeat(22);
const bo = 'b'.repeat(22);
const garden = '/rooms/garden?name=';

it('a message is from the one whose connection it came on, whatever it says', async () => {
  const app = await testApp(sampleApp('ahoy'));
  const one = await come(app, `${garden}Ada`, ada);
  const other = await come(app, `${garden}Bo`, bo);
  const author = { id: one.id, name: 'Ada' };

  expect((await ask(other.client, 'message', { text: 'Hello', author, id: '1', kind: 'announcement' })).event).toBe(
    'reply',
  );
  const posted = await frame(one.client, ({ event }) => event === 'post');
  expect(posted.payload).toMatchObject({ kind: 'message', text: 'Hello', author: { id: other.id, name: 'Bo' } });

  await ask(other.client, 'private', { to: one.id, text: 'Psst', author, room: 'kitchen' });
  const sent = await frame(one.client, ({ event }) => event === 'post');
  expect(sent.payload).toMatchObject({ kind: 'private', room: 'garden', author: { id: other.id, name: 'Bo' } });
});

it('whoever has the secret of a name is that person, and nobody is who has heard its id', async () => {
  const app = await testApp(sampleApp('ahoy'));
  const { id } = await come(app, `${garden}Ada`, ada);
  expect((await come(app, `${garden}Ada`, ada)).id).toBe(id);
  expect((await come(app, `${garden}Ada`, bo)).id).not.toBe(id);
  expect((await come(app, `${garden}Ada`, id.padEnd(22, '0'))).id).not.toBe(id);
  const client = await app.connect(`${garden}Ada`);
  expect((await frame(client, ({ event }) => event === 'welcome')).payload['you']).not.toBe(id);
});

it.each([
  ['message', { text: '' }],
  ['message', { text: 'x'.repeat(501) }],
  ['message', { text: 7 }],
  ['message', 'Hello'],
  ['private', { text: 'Psst' }],
  ['private', { to: 'Ada', text: 'Psst' }],
  ['private', { to: '0'.repeat(16), text: ' ' }],
  ['typing', { typing: 'yes' }],
  ['typing', null],
])('%s %j is answered with what is wrong, and the connection lives on', async (event, payload) => {
  const app = await testApp(sampleApp('ahoy'));
  const { client } = await come(app, `${garden}Ada`, ada);
  const answer = await ask(client, event, payload);
  expect(answer.event).toBe('error');
  expect(['VALIDATION_FAILED', 'BODY_TYPE']).toContain(answer.payload['code']);
  expect((await ask(client, 'message', { text: 'Hello' })).event).toBe('reply');
});

it('a private message to somebody that is not here is answered with GONE', async () => {
  const app = await testApp(sampleApp('ahoy'));
  const one = await come(app, `${garden}Ada`, ada);
  const other = await come(app, `${garden}Bo`, bo);
  await one.client.close();
  await until(() => app.app.metrics().connections === 1);
  expect((await ask(other.client, 'private', { to: one.id, text: 'Psst' })).payload['code']).toBe('GONE');
});

it.each([
  ['a secret that is none', `${garden}Ada`, 'short', 4401],
  ['no name', '/rooms/garden?name=', ada, 4400],
  ['a room that is none', '/rooms/a%20b?name=Ada', ada, 4400],
  ['no key of the staff room', '/rooms/staff?name=Ada&key=aye', ada, 4403],
])('%s closes with a code that a browser can read', async (_what, path, secret, code) => {
  const app = await testApp(sampleApp('ahoy'));
  const client = await app.connect(path, { protocols: ['plain', `auth.${secret}`] });
  expect((await client.closed()).code).toBe(code);
});

it('the staff page has no command for those without the key, and none that breaks a rule', async () => {
  const app = await testApp(sampleApp('ahoy'));
  expect((await (await app.connect('/staff?key=aye')).closed()).code).toBe(4403);
  expect((await app.request('/staff')).status).toBe(200);
  const client = await app.connect('/staff?key=ahoy');
  await frame(client, ({ event }) => event === 'welcome');
  expect((await ask(client, 'remove', { person: 'Ada' })).payload['code']).toBe('VALIDATION_FAILED');
  expect((await ask(client, 'remove', { person: '0'.repeat(16) })).payload['code']).toBe('GONE');
  expect((await ask(client, 'announce', { text: 'x'.repeat(201) })).payload['code']).toBe('VALIDATION_FAILED');
  const { client: ada, id } = await come(app, `${garden}Ada`, 'a'.repeat(22));
  expect((await ask(client, 'remove', { person: id })).payload).toEqual({ closed: 1 });
  expect(await ada.closed()).toMatchObject({ code: 4403, reason: 'REMOVED' });
});

const board = '/board/garden?name=';
const stroke = { line: 1, part: 0, color: 0, width: 20, points: [0, 0, 10, 10] };

it.each([
  ['points that are no pairs', { points: [1, 2, 3] }],
  ['no points', { points: [] }],
  ['too many points', { points: Array<number>(130).fill(1) }],
  ['points that are not whole', { points: [0.5, 1] }],
  ['points beside the board', { points: [0, 4001] }],
  ['points that are no list', { points: 'all' }],
  ['an unknown color', { color: 6 }],
  ['an unknown width', { width: 9 }],
  ['a line that is no number', { line: '1' }],
  ['a part below zero', { part: -1 }],
])('a stroke with %s is refused, and nothing is drawn', async (_what, wrong) => {
  const app = await testApp(sampleApp('ahoy'));
  const { client } = await come(app, `${board}Ada`, ada);
  const answer = await ask(client, 'draw', { ...stroke, ...wrong });
  expect(answer).toMatchObject({ event: 'error', payload: { code: 'VALIDATION_FAILED' } });
  expect((await ask(client, 'all', undefined)).payload).toEqual({ strokes: [] });
});

it.each([
  ['bytes that are no place', Buffer.from([1, 2, 3])],
  ['a place beside the board', Buffer.from([255, 255, 0, 0])],
  ['text that is no JSON', 'four'],
  ['an event that there is not', { event: 'erase' }],
])('%s is answered with FRAME_INVALID, reaches nobody, and the connection lives on', async (_what, sent) => {
  const app = await testApp(sampleApp('ahoy'));
  const { client, id } = await come(app, `${board}Ada`, ada);
  const other = await come(app, `${board}Bo`, bo);
  client.send(sent);
  expect((await frame(client, ({ event }) => event === 'error')).payload['code']).toBe('FRAME_INVALID');
  client.send(Buffer.from([0, 1, 0, 2]));
  expect((await bytes(other.client)).toString('hex')).toBe(`${id}00010002`);
});

it('a stroke is by the one who has drawn it, comes to all in one order, and only once however often it is sent', async () => {
  const app = await testApp(sampleApp('ahoy'));
  const one = await come(app, `${board}Ada`, ada);
  const other = await come(app, `${board}Bo`, bo);
  await ask(one.client, 'draw', { ...stroke, by: other.id });
  await ask(one.client, 'draw', stroke);
  await ask(other.client, 'draw', stroke);
  const drawn = [
    { ...stroke, by: one.id },
    { ...stroke, by: other.id },
  ];
  expect((await ask(other.client, 'all', undefined)).payload).toEqual({ strokes: drawn });
  const late = await app.connect(`${board}Cy`);
  expect((await frame(late, ({ event }) => event === 'welcome')).payload['strokes']).toEqual(drawn);
  await ask(other.client, 'undo', undefined);
  expect((await ask(other.client, 'undo', undefined)).payload).toEqual({ undone: false });
  expect((await frame(late, ({ event }) => event === 'undone')).payload).toEqual({ by: other.id, line: 1 });
});

it('a board keeps so much, and no more: the oldest strokes give way', () => {
  const kept = new Board();
  const points = Array<number>(maxNumbers).fill(0);
  for (let part = 0; part < 400; part++) kept.add({ ...stroke, part, points, by: 'ada' });
  expect(kept.all().length * maxNumbers).toBeLessThanOrEqual(40_000);
  expect(kept.all().at(-1)?.part).toBe(399);
  for (let part = 0; part < 4000; part++) kept.add({ ...stroke, line: 2, part, by: 'ada' });
  expect(kept.all()).toHaveLength(3000);
});
