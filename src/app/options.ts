/** The options of paths and endpoints with every default in its place; what is invalid is reported with its handler. */
import type { LaneSpec } from '../connection/path.js';
import {
  connectionOptionsOf,
  durationFix,
  positiveDuration,
  resolve,
  resolveConnectionOptions,
  resolveRateLimit,
  type ReportOption,
  type ResolvedConnectionOptions,
  type ResolvedRateLimit,
} from '../connection/options.js';
import type { BootProblem } from '../errors.js';
import { inboxOf } from './check-endpoint.js';
import type { ScannedEndpoint } from './scan-context.js';
import type { ScannedPath } from './scan-websocket.js';
import type { Settings } from './settings.js';

export interface EndpointTiming {
  readonly timeoutMs: number | false;
  readonly rateLimit: ResolvedRateLimit | undefined;
  /** `undefined`: the serial lane that all share. */
  readonly lane: LaneSpec | undefined;
}

export interface TimedPath {
  readonly options: ResolvedConnectionOptions;
  /** In the order of the path's endpoints. */
  readonly endpoints: readonly EndpointTiming[];
  readonly connectTimeoutMs: number | false;
}

export function resolvePath(scanned: ScannedPath, settings: Settings, problems: BootProblem[]): TimedPath {
  const [first, ...others] = scanned.endpoints;
  // An endpoint that is alone on its path may have said it.
  const own = first && others.length === 0 ? connectionOptionsOf(first.options) : {};
  const report: ReportOption = (option, ...mistake) =>
    reporter(option in own ? first!.handler : scanned.controller.name, problems)(option, ...mistake);
  const options = resolveConnectionOptions(scanned.options, settings.connection, report);
  const endpoints = scanned.endpoints.map((endpoint) => resolveEndpoint(endpoint, settings, problems));
  // A sendOnly endpoint runs at connect, for as long as it has something to say.
  const sendOnlyTimeout = first?.options.timeout === undefined ? false : endpoints[0]!.timeoutMs;
  return { options, endpoints, connectTimeoutMs: options.mode === 'sendOnly' ? sendOnlyTimeout : settings.timeoutMs };
}

function resolveEndpoint(endpoint: ScannedEndpoint, settings: Settings, problems: BootProblem[]): EndpointTiming {
  const { timeout, rateLimit, order = 'serial' } = endpoint.options;
  const report = reporter(endpoint.handler, problems);
  const runsOn = isGenerator(endpoint.method) || inboxOf(endpoint) !== -1;
  const fallback = runsOn ? false : settings.timeoutMs;
  return {
    timeoutMs: timeout === false ? false : resolve('timeout', timeout, positiveDuration, fallback, durationFix, report),
    rateLimit: rateLimit && resolveRateLimit(rateLimit, report),
    lane:
      order === 'serial' ? undefined : { limit: order === 'latest' ? 1 : order.concurrent, latest: order === 'latest' },
  };
}

/** A method that is written as a generator says that it streams: it has no timeout of its own accord. */
function isGenerator(method: unknown): boolean {
  const { name } = (method as object).constructor;
  return name === 'AsyncGeneratorFunction' || name === 'GeneratorFunction';
}

function reporter(where: string, problems: BootProblem[]): ReportOption {
  return (option, reason, fix) =>
    problems.push({ code: 'HALYARD_BOOT_OPTIONS', where, reason: `${option}: ${reason}`, fix });
}
