/** What the sample app takes from clients that are not its pages. */
import { expect, it } from '@jest/globals';
import { testApp, until, type TestApp, type TestClient } from 'halyard/testing';
import { sampleApp } from '../sample-app/app.js';

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
