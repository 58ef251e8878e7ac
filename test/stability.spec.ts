/**
 * The public names. Taking one away or renaming it breaks users: it needs a line in the changelog, and from 1.0 on a new major
 * version. What the types say is pinned by test/public-types.ts, which does not compile where they change.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import * as halyard from 'halyard';
import * as nats from 'halyard/nats';
import * as redis from 'halyard/redis';
import * as testing from 'halyard/testing';

const values = `
  Actions All Answer App Body BootError BrokerUnavailableError Catch Channels CleanUp CloseInfo CloseWebSocket CloseWith Connection ConnectionError ConnectionEvent
  Connections Context Controller Cookie DROP Data DefaultValuePipe Delete Get HalyardError Head Header HttpCode HttpError
  Inbox Inject Injectable InvalidCloseCodeError Ip Json Message NodeTimeoutError OnConnect OnDisconnect OnError Optional Options Param
  ParseArrayPipe ParseBoolPipe ParseEnumPipe ParseFloatPipe ParseIntPipe ParseUUIDPipe Patch Post Presence Publisher Put Query Redirect
  Refusal Reply Request Sender SetHeader SetMetadata Sse SseEvent Use UseCatchers UseGuards UseInterceptors UseMiddleware
  UseObservers UsePipes WebSocket WebSocketMode actions answer closeWith clusterBroker connect createApp createParamDecorator createPublisher each memoryBroker refuse
`;

const types = `
  ActionSet AppHealth AppMetrics AppOptions BootCode BroadcastOptions Broker BrokerHealth CloseOptions ClusterBrokerOptions ClusterOptions LinkState Unsubscribe BootProblem Catcher Class ConnectContext ConnectionData ConnectionOptions Container
  ContainerScope ControllerOptions CookieOptions DisconnectContext DropReason Dropped Duration Each ErrorPayload Guard
  HttpContext InboxDropped InboxEvent InboxGap InboxMessage InboxPresence InboxPresenceCount InboxPublication InboxTimeout Interceptor JoinOptions LimitOptions ListenOptions Listening MaybePromise MessageContext MessageOptions Meta Middleware Mode
  NodeOptions Observer Order Origins Outcome ParameterInfo Pipe PresenceListener PresenceMetrics Present PresentMeta Provider PublishOptions PublisherOptions RateLimit ReceiveOptions Ref Route RouteDescription Scope
  ShutdownOptions Size SlowConsumer Stage Token TrackOptions TrustProxy UpgradeContext WebSocketOptions WireCode
`;

const testingValues = `
  RawClient RefusedError TestApp TestClient brokerContract closeAll closePayload frame testApp until upgradeRequest
`;

const testingTypes = `
  BrokerCase BrokerHarness ClosedInfo ConnectOptions FrameOptions Opcode Override RawWebSocket RequestOptions ResponseHead ServerFrame
  TestAppOptions TestResponse UpgradeRequestOptions WaitOptions
`;

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The names that a declaration file exports, and those of them that are types alone. */
function declared(path: string): { all: string[]; types: string[] } {
  const names = [...read(path).matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, type, list = '']) =>
    list
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map((entry) => ({
        name: entry.replace(/^type /, '').replace(/^.* as /, ''),
        isType: type !== undefined || entry.startsWith('type '),
      })),
  );
  const sorted = (list: typeof names): string[] => list.map(({ name }) => name).sort();
  return { all: sorted(names), types: sorted(names.filter(({ isType }) => isType)) };
}

describe('the public names', () => {
  it.each([
    ['halyard', halyard, values, types, 'dist/index.d.ts'],
    ['halyard/testing', testing, testingValues, testingTypes, 'dist/testing/index.d.ts'],
  ])('%s exports these names and no others', (_, module, expectedValues, expectedTypes, declarations) => {
    expect(Object.keys(module).sort()).toEqual(words(expectedValues).sort());
    const { all, types: declaredTypes } = declared(declarations);
    expect(declaredTypes).toEqual(words(expectedTypes).sort());
    expect(all).toEqual([...words(expectedValues), ...words(expectedTypes)].sort());
  });

  it('halyard/redis and halyard/nats export one function each', () => {
    expect([redis, nats].map((module) => Object.keys(module))).toEqual([['redisBroker'], ['natsBroker']]);
  });

  it('has each name checked by test/public-types.ts', () => {
    const source = read('test/public-types.ts');
    const unchecked = [
      ...words(values + types).filter((name) => !new RegExp(`halyard\\.${name}\\b|'${name}'`).test(source)),
      ...words(testingValues + testingTypes).filter((name) => !new RegExp(`testing\\.${name}\\b`).test(source)),
    ];
    expect(unchecked).toEqual([]);
  });

  it('keeps the entries of the package', () => {
    const { exports, bin, peerDependencies, peerDependenciesMeta } = JSON.parse(read('package.json')) as Record<
      string,
      object
    >;
    expect(Object.keys(exports!)).toEqual(['.', './redis', './nats', './testing', './package.json']);
    expect(Object.keys(bin!)).toEqual(['halyard']);
    const engines = ['@nats-io/transport-node', 'ioredis'];
    const peers = ['class-transformer', 'class-validator', 'reflect-metadata'];
    expect(Object.keys(peerDependencies!).sort()).toEqual([...peers, ...engines].sort());
    expect(peerDependenciesMeta).toEqual(Object.fromEntries(engines.map((name) => [name, { optional: true }])));
  });
});
