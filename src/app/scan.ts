/** From decorated classes to a list of paths and endpoints. Every mistake that can be known at boot is reported here. */
import { readRecord, type Class } from '../metadata/metadata.js';
import { nameOf } from '../pipeline/parameters.js';
import { sortComponents } from './components.js';
import { joinPath, ScanContext, type ScanOptions } from './scan-context.js';
import { HttpScanner, type ScannedHttp } from './scan-http.js';
import { WebSocketScanner, type ScannedPath } from './scan-websocket.js';

export interface Scanned {
  readonly paths: readonly ScannedPath[];
  readonly http: readonly ScannedHttp[];
}

export function scan(controllers: readonly Class[], options: ScanOptions): Scanned {
  const scanner = new Scanner(new ScanContext(options));
  for (const controller of new Set(controllers)) scanner.add(controller);
  return scanner.finish();
}

class Scanner {
  readonly #http: HttpScanner;
  readonly #webSockets: WebSocketScanner;

  constructor(private readonly scan: ScanContext) {
    this.#http = new HttpScanner(scan);
    this.#webSockets = new WebSocketScanner(scan);
  }

  add(controller: Class): void {
    if (typeof controller !== 'function') {
      return this.scan.report(
        'HALYARD_BOOT_CONTROLLER',
        'controllers',
        `${nameOf(controller)} is no class`,
        controller === undefined
          ? 'a circular import may have left it undefined: move what both files need into a third'
          : 'give classes, or globs of the files that export them',
      );
    }
    const record = readRecord(controller);
    const name = nameOf(controller);
    if (record.standardDecorators) {
      return this.scan.report(
        'HALYARD_BOOT_STANDARD_DECORATORS',
        name,
        'the build emits standard (stage-3) decorators, which know nothing of parameters',
        'set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json, and in esbuild or swc alike',
      );
    }
    if (!record.controller) {
      return this.scan.report(
        'HALYARD_BOOT_CONTROLLER',
        name,
        'it has no @Controller',
        'write @Controller() on the class',
      );
    }
    const before = this.#size;
    const base = joinPath(this.scan.options.prefix, record.controller.path);
    const components = sortComponents(record.uses, name, this.scan.reportComponent);
    const scanned = { type: controller, record, base, components };
    this.#http.add(scanned);
    this.#webSockets.add(scanned);
    if (
      this.#size === before &&
      !this.scan.options.problems.some(({ where }) => where === name || where.startsWith(`${name}.`))
    ) {
      this.scan.report(
        'HALYARD_BOOT_CONTROLLER',
        name,
        'it has no endpoints',
        'decorate a method with @WebSocket, @Get, …',
      );
    }
  }

  get #size(): number {
    return this.#http.size + this.#webSockets.size;
  }

  finish(): Scanned {
    return { paths: this.#webSockets.finish(), http: this.#http.endpoints };
  }
}
