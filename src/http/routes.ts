/** Halyard's endpoints as Fastify routes. */
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  HTTPMethods,
  RouteShorthandOptions,
} from 'fastify';
import { HalyardError } from '../errors.js';
import { addBodyParsers, skipReadBody } from './body.js';
import type { HttpEndpoint } from './endpoint.js';
import { Exchange, type ExchangeHost } from './exchange.js';
import { sendError } from './server.js';

/** @fastify/swagger leaves such routes out. */
const unlisted: RouteShorthandOptions = { schema: { hide: true } as FastifySchema };

/** Where a route of ours keeps its endpoint. */
const endpointKey = Symbol('halyard.endpoint');

/** Marks the answer to what is routed nowhere: plugins may have their own, below their prefix. */
const notFoundKey = Symbol('halyard.notFound');

const exchanges = new WeakMap<FastifyRequest, Exchange>();

/** Opens the exchange of a request to one of our routes: before any plugin of the user's sees it. */
export function openExchange(request: FastifyRequest, reply: FastifyReply, host: ExchangeHost): Exchange | undefined {
  const { config } = request.routeOptions as { config?: { [endpointKey]?: HttpEndpoint } };
  const endpoint = config?.[endpointKey];
  if (!endpoint) return undefined;
  const exchange = new Exchange(endpoint, request, reply, host);
  exchanges.set(request, exchange);
  return exchange;
}

/** Adds the endpoints to a scope of their own, so that their parsers and their error handler are theirs alone. */
export function addEndpoints(scope: FastifyInstance, endpoints: readonly HttpEndpoint[]): void {
  addBodyParsers(scope);
  scope.setErrorHandler((error, request) => {
    void exchanges.get(request)!.fail(error);
  });
  // Fastify answers HEAD for each GET that has none: what is declared comes first.
  const headFirst = [...endpoints].sort((a, b) => Number(b.method === 'HEAD') - Number(a.method === 'HEAD'));
  for (const endpoint of headFirst) {
    scope.route({
      method: methodsOf(endpoint, endpoints, scope.supportedMethods),
      url: endpoint.route.path,
      config: { [endpointKey]: endpoint },
      onRequest: (request, _reply, done) => {
        void exchanges
          .get(request)!
          .admit()
          .then((admitted) => admitted && done());
      },
      preParsing: skipReadBody,
      handler: (request) => {
        void exchanges.get(request)!.handle();
      },
    });
  }
}

/** Tells those who come without an `Upgrade` what is spoken here. */
export function addUpgradeHints(scope: FastifyInstance, paths: readonly string[], expose: boolean): void {
  for (const url of paths) {
    if (scope.hasRoute({ method: 'GET', url })) continue;
    scope.get(url, unlisted, (_request, reply) => {
      sendError(reply, new HalyardError('UPGRADE_REQUIRED'), expose);
    });
  }
}

/**
 * `/healthz` and `/readyz`, unless the user has such routes.
 *
 * @returns those that were added
 */
export function addHealth(scope: FastifyInstance, whyUnready: () => string | undefined): string[] {
  const checks = { '/healthz': () => undefined, '/readyz': whyUnready };
  return Object.entries(checks).flatMap(([url, check]) => {
    if (scope.hasRoute({ method: 'GET', url })) return [];
    scope.get(url, unlisted, (_request, reply) => {
      const status = check();
      reply.code(status === undefined ? 200 : 503).send({ status: status ?? 'ok' });
    });
    return url;
  });
}

/** 404 in our shape, and before a body is read; unless the user has set another answer. */
export function addNotFound(root: FastifyInstance, expose: boolean): void {
  const answer = (_request: FastifyRequest, reply: FastifyReply): void => {
    sendError(reply, new HalyardError('NOT_FOUND'), expose);
  };
  try {
    // `config` is not in Fastify's types here.
    root.setNotFoundHandler({ config: { [notFoundKey]: true } } as object, answer);
  } catch {
    // Fastify throws where there is one, and has no way to ask.
    return;
  }
  root.addHook('onRequest', (request, reply, done) => {
    const { config } = request.routeOptions as { config?: { [notFoundKey]?: true } };
    if (config?.[notFoundKey]) answer(request, reply);
    else done();
  });
}

/** `@All` takes what no other endpoint of its path does. */
function methodsOf(
  endpoint: HttpEndpoint,
  endpoints: readonly HttpEndpoint[],
  supported: readonly HTTPMethods[],
): HTTPMethods | HTTPMethods[] {
  if (endpoint.method !== 'ALL') return endpoint.method;
  const path = shapeOf(endpoint);
  const taken = new Set(endpoints.filter((other) => shapeOf(other) === path).map(({ method }) => method));
  if (taken.has('GET')) taken.add('HEAD');
  return supported.filter((method) => !taken.has(method));
}

/** A path without the names of its parameters, which do not tell routes apart. */
function shapeOf({ route }: HttpEndpoint): string {
  return route.path.replace(/:[A-Za-z0-9_]+/g, ':');
}
