/**
 * For tests of an app: it listens on a free port, real clients connect to it, and all of it is closed when the test is over.
 *
 * @example
 * const app = await testApp({ controllers: [RoomController], override: [[Clock, new FixedClock()]] });
 * const client = await app.connect('/rooms/1');
 * client.send({ event: 'typing' });
 * expect(await client.json()).toEqual({ event: 'typing', by: 'ada' });
 */
export { testApp, TestApp, type RequestOptions, type TestAppOptions } from './test-app.js';
export { TestClient, type ClosedInfo, type ConnectOptions, type RawWebSocket } from './client.js';
export type { Override } from './override.js';
export { RefusedError, type TestResponse } from './response.js';
export {
  closePayload,
  frame,
  RawClient,
  upgradeRequest,
  type FrameOptions,
  type Opcode,
  type ResponseHead,
  type ServerFrame,
  type UpgradeRequestOptions,
} from './raw-client.js';
export { until, type WaitOptions } from './wait.js';
export { closeAll } from './closing.js';
export { brokerContract, type BrokerCase, type BrokerHarness } from './broker-contract.js';
