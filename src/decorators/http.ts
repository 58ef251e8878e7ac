import { ownMethod } from '../metadata/metadata.js';
import { endpointDecorator } from './ws.js';

type HttpDecorator = (path?: string) => MethodDecorator;

/** HTTP endpoints, in the same controllers, under the same guards and bindings. */
export const Get: HttpDecorator = http('GET');
export const Post: HttpDecorator = http('POST');
export const Put: HttpDecorator = http('PUT');
export const Patch: HttpDecorator = http('PATCH');
export const Delete: HttpDecorator = http('DELETE');
export const Head: HttpDecorator = http('HEAD');
export const Options: HttpDecorator = http('OPTIONS');
/** Every method that no other endpoint of the path takes. */
export const All: HttpDecorator = http('ALL');

/** A GET whose returned iterable goes out as `text/event-stream`. */
export function Sse(path = ''): MethodDecorator {
  return endpointDecorator((target, name) =>
    ownMethod(target, name).endpoints.push({ kind: 'http', method: 'GET', path, sse: true }),
  );
}

/** The status of a successful answer. @default 200; 201 for POST; 204 where nothing is returned */
export function HttpCode(status: number): MethodDecorator {
  return endpointDecorator((target, name) => (ownMethod(target, name).httpStatus = status));
}

/** A header of every successful answer. */
export function SetHeader(header: string, value: string): MethodDecorator {
  return endpointDecorator((target, name) => ownMethod(target, name).httpHeaders.unshift([header, value]));
}

/** Redirects. The endpoint may return `{ url, status? }` to say otherwise. @default status 302 */
export function Redirect(url: string, status = 302): MethodDecorator {
  return endpointDecorator((target, name) => (ownMethod(target, name).redirect = { url, status }));
}

function http(method: string): HttpDecorator {
  return (path = '') =>
    endpointDecorator((target, name) =>
      ownMethod(target, name).endpoints.push({ kind: 'http', method, path, sse: false }),
    );
}
