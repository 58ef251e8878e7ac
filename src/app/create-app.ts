import findMyWay from 'find-my-way';
import { Channels } from '../channels/channels.js';
import { Connections } from '../connection/connections.js';
import { Metrics } from '../connection/metrics.js';
import { Performable } from '../connection/performable.js';
import type { PathHandle } from '../connection/path.js';
import { RateLimiter } from '../connection/rate-limiter.js';
import { ConnectionResponder } from '../connection/responder.js';
import { Sender } from '../connection/sender.js';
import { parseDuration } from '../connection/options.js';
import type { Services } from '../connection/services.js';
import { HalyardContainer } from '../di/container.js';
import type { Token } from '../di/provider.js';
import { BootError, textOf, type BootProblem } from '../errors.js';
import { HttpAdapter } from '../http/adapter.js';
import { HttpResponder } from '../http/responder.js';
import { Membership } from '../nodes/membership.js';
import { Questions } from '../nodes/questions.js';
import type { DisconnectContext } from '../pipeline/context.js';
import type { Responder } from '../pipeline/plan.js';
import { Presence } from '../presence/presence.js';
import { Replicator } from '../presence/replicator.js';
import { ConnectionLimiter } from '../ws/limits.js';
import { RefusalNotes } from '../ws/refusal.js';
import { UpgradeServer, type MatchedPath } from '../ws/upgrade.js';
import { App } from './app.js';
import { builtinsOf, scopedBuiltins } from './builtins.js';
import type { CompileOptions } from './compile-context.js';
import { compileHttp } from './compile-http.js';
import { compilePath } from './compile-path.js';
import { defaultBroker } from './default-broker.js';
import { loadControllers } from './load-controllers.js';
import { checkObservers, registerUsed, warn } from './used-components.js';
import { sortComponents } from './components.js';
import { describeHttp, describePath } from './describe.js';
import { appCreated, isInspected } from './inspect.js';
import { createLogger } from './logger.js';
import { resolvePath } from './options.js';
import { scan } from './scan.js';
import type { ScannedPath } from './scan-websocket.js';
import { resolveSettings, type AppOptions } from './settings.js';

/**
 * Makes an app: scans the controllers, checks everything, builds the providers and compiles each endpoint. Nothing
 * listens yet.
 *
 * @throws {BootError} `HALYARD_BOOT` with all mistakes at once, in `problems`
 */
export async function createApp(options: AppOptions = {}): Promise<App> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    return await buildApp(options, undo);
  } catch (error) {
    for (const each of undo.reverse()) await each().catch(() => undefined);
    throw error;
  }
}

/** @param undo what is to be done, last things first, where it fails */
async function buildApp(options: AppOptions, undo: (() => Promise<unknown>)[]): Promise<App> {
  const problems: BootProblem[] = [];
  const settings = resolveSettings(options, problems);
  const logger = createLogger(isInspected() ? false : options.logger);
  const controllers = await loadControllers(options.controllers ?? [], problems);
  const ownBroker = options.broker ? undefined : defaultBroker();
  const broker = options.broker ?? ownBroker!;
  if (ownBroker) undo.push(() => ownBroker.close());
  const members = new Membership(broker, { ...settings.node, warn: (text) => logger.warn(text) });
  members.listen({
    linked: (isUp) =>
      isUp
        ? logger.info('the link to the broker is up again')
        : logger.warn({ reason: broker.health().reason }, 'the link to the broker is down'),
  });
  undo.push(() => members.close());
  const questions = new Questions(members, settings.node.answerMs);
  const connections = new Connections(broker, questions, (error) =>
    logger.error({ err: error }, 'a connection operation failed'),
  );
  undo.push(() => connections.shut());
  const presence = new Presence({
    questions,
    maxKeys: settings.maxPresence,
    channelsPerConnection: settings.limits.channelsPerConnection,
    parseDuration,
    failed: (error) => logger.error({ err: error }, 'a presence listener failed'),
    replicate: (replica) => new Replicator(members, replica),
  });
  const channels = new Channels({
    broker,
    members,
    questions,
    presence,
    channelsPerConnection: settings.limits.channelsPerConnection,
    find: (id) => connections.get(id),
    failed: (error) => logger.error({ err: error }, 'a channel operation failed'),
  });
  undo.push(
    () => presence.close(),
    () => channels.close(),
  );
  const services: Services = {
    logger,
    connections,
    channels,
    presence,
    metrics: new Metrics(),
    rateLimiter: settings.rateLimit && new RateLimiter(settings.rateLimit),
    outboundBytes: settings.outboundBytes,
    maxPauseMs: settings.maxPauseMs,
    exposeErrors: settings.exposeErrors,
  };
  const replying = new ConnectionResponder(services, false);
  const receiving = new ConnectionResponder(services, true);
  const builtins = builtinsOf(replying);

  const container = new HalyardContainer({ external: options.container, builtins: scopedBuiltins });
  container.register({ provide: Channels, useValue: channels });
  container.register({ provide: Presence, useValue: presence });
  container.register({ provide: Connections, useValue: connections });
  for (const provider of options.providers ?? []) container.register(provider);

  const components = sortComponents(options.use ?? [], 'createApp.use', (where, reason, fix) =>
    problems.push({ code: 'HALYARD_BOOT_COMPONENT', where, reason, fix }),
  );
  const scanned = scan(controllers, {
    prefix: settings.prefix,
    defaultMode: settings.connection.mode,
    builtins,
    sender: Sender,
    isProvided: (token) => container.has(token as Token),
    problems,
  });
  const paths = scanned.paths.map((path) => ({ path, timing: resolvePath(path, settings, problems) }));
  const tokens = registerUsed(container, controllers, components, scanned);
  problems.push(...container.check());
  checkObservers(container, components, scanned, problems);
  const router = findMyWay({ ignoreTrailingSlash: settings.ignoreTrailingSlash, maxParamLength: 1024 });
  const handles: PathHandle[] = [];
  for (const { path } of paths) {
    const handle = {} as PathHandle;
    handles.push(handle);
    addRoute(router, path, handle, problems);
  }
  if (problems.length > 0) throw new BootError(problems);
  warn(scanned, settings.connection.mode, (text) => logger.warn(text));

  const state = { draining: false };
  const http = new HttpAdapter({
    logger,
    trust: settings.trust,
    trustProxy: options.trustProxy,
    exposeErrors: settings.exposeErrors,
    https: options.https,
    ignoreTrailingSlash: settings.ignoreTrailingSlash,
    maxPayloadBytes: settings.connection.maxPayloadBytes,
    handshakeMs: settings.handshakeMs,
    configure: options.http,
    isDraining: () => state.draining,
    isLinked: () => broker.health().link === 'up',
  });

  undo.push(() => container.dispose());
  await container.build();
  await connections.open();
  const instances = new Map<unknown, unknown>();
  for (const token of tokens) if (!container.isScoped(token)) instances.set(token, await container.resolve(token));
  const notes = new RefusalNotes(settings.exposeErrors);
  const compileOptions: CompileOptions = {
    components,
    container,
    instances,
    logger,
    drops: services.metrics.drops,
    responders: {
      connection: (receiveOnly) => (receiveOnly ? receiving : replying),
      upgrade: notes,
      http: new HttpResponder(settings.exposeErrors),
      hook: hookResponderOf(connections),
    },
  };
  paths.forEach(({ path, timing }, index) => (handles[index]!.current = compilePath(path, timing, compileOptions)));

  const httpPaths = new Set(scanned.http.filter(({ httpMethod }) => isGet(httpMethod)).map(({ path }) => path));
  http.routes(
    scanned.http.map((endpoint) => compileHttp(endpoint, compileOptions)),
    scanned.paths.map(({ path }) => path).filter((path) => !httpPaths.has(path)),
  );
  const upgrades = new UpgradeServer({
    services,
    trust: settings.trust,
    limiter: new ConnectionLimiter(settings.limits, settings.trust.enabled, logger),
    notes,
    match: (url) => matchPath(router, url),
    handshakeMs: settings.handshakeMs,
    maxFragments: settings.maxFragments,
    production: settings.production,
    isDraining: () => state.draining,
  });
  const routes = [
    ...paths.flatMap(({ path, timing }) => describePath(path, timing, components)),
    ...scanned.http.map((endpoint) => describeHttp(endpoint, components)),
  ];
  const app = new App({
    settings,
    logger,
    container,
    broker,
    services,
    members,
    questions,
    ownBroker,
    http,
    upgrades,
    paths: handles,
    routes: Object.freeze(routes.map((description) => Object.freeze(description))),
    server: options.server,
    signals: options.signals ?? true,
    state,
  });
  presence.start();
  // Others know it before it has a connection.
  await Promise.race([members.listening, members.refusal]);
  appCreated(app);
  return app;
}

/** What `@OnDisconnect` and `@OnError` return is nobody's; what they throw has been reported. */
function hookResponderOf(connections: Connections): Responder<DisconnectContext> {
  const nothing = (): undefined => undefined;
  return {
    respond: (c, value) =>
      value instanceof Performable ? value.perform(c, { connections, send: nothing }) : undefined,
    fail: nothing,
    answer: nothing,
    close: nothing,
  };
}

type Router = findMyWay.Instance<findMyWay.HTTPVersion.V1>;

function addRoute(
  router: Router,
  { path, controller }: ScannedPath,
  handle: PathHandle,
  problems: BootProblem[],
): void {
  try {
    router.on('GET', path, () => undefined, handle);
  } catch (error) {
    problems.push({
      code: 'HALYARD_BOOT_PATH',
      where: controller.name,
      reason: `${path} cannot be routed: ${textOf(error)}`,
      fix: 'see the path syntax of find-my-way; two paths may not differ in parameter names alone',
    });
  }
}

function matchPath(router: Router, url: string): MatchedPath | undefined {
  const found = router.find('GET', url);
  if (!found) return undefined;
  return { handle: found.store as PathHandle, params: found.params, query: found.searchParams };
}

function isGet(method: string): boolean {
  return method === 'GET' || method === 'ALL';
}
