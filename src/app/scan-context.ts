/** What all parts of the scanner share: how a method is read, and where mistakes go. */
import type { ConnectionOptions, MessageOptions } from '../connection/options.js';
import type { BootCode, BootProblem } from '../errors.js';
import { parameterTypes, type Class, type ClassRecord, type MethodRecord } from '../metadata/metadata.js';
import type { Role } from '../pipeline/components.js';
import { describeParameters, nameOf, type Builtin, type ParameterSpec, type Place } from '../pipeline/parameters.js';
import type { Mode } from '../pipeline/route.js';
import { nameOfComponent, sortComponents, type Components } from './components.js';

/** A method of a controller that something is to be made of. */
export interface ScannedMethod {
  readonly controller: Class;
  readonly method: (...args: unknown[]) => unknown;
  /** `Class.method` */
  readonly handler: string;
  readonly record: MethodRecord;
  readonly parameters: readonly ParameterSpec[];
  /** Of the method alone. */
  readonly components: Components;
  readonly metadata: ReadonlyMap<unknown, unknown>;
}

/** A method that takes messages. */
export interface ScannedEndpoint extends ScannedMethod {
  readonly options: MessageOptions & ConnectionOptions;
}

export interface ScanOptions {
  readonly prefix: string;
  readonly defaultMode: Mode;
  readonly builtins: ReadonlyMap<unknown, Builtin>;
  /** The type of a `Sender` parameter. */
  readonly sender: unknown;
  isProvided(token: unknown): boolean;
  readonly problems: BootProblem[];
}

/** A controller that is being scanned. */
export interface ScannedController {
  readonly type: Class;
  readonly record: ClassRecord;
  /** The app's prefix and the controller's path. */
  readonly base: string;
  /** Of the controller. */
  readonly components: Components;
}

export class ScanContext {
  constructor(readonly options: ScanOptions) {}

  method(
    { type: controller, record }: ScannedController,
    name: string | symbol,
    method: MethodRecord,
    place: Place,
    path: string,
  ): ScannedMethod {
    const handler = `${nameOf(controller)}.${String(name)}`;
    const body = (controller.prototype as Record<string | symbol, unknown>)[name];
    const callable = (typeof body === 'function' ? body : () => undefined) as (...args: unknown[]) => unknown;
    if (typeof body !== 'function') {
      this.report(
        'HALYARD_BOOT_CONTROLLER',
        handler,
        'it is no method',
        'decorate methods, not properties or static members',
      );
    }
    const parameters = describeParameters({
      place,
      length: callable.length,
      records: method.parameters,
      types: parameterTypes(controller, name),
      path,
      builtins: this.options.builtins,
      isProvided: (token) => this.options.isProvided(token),
      report: (code, parameter, reason, fix) => this.report(code, handler, reason, fix, parameter),
    });
    return {
      controller,
      method: callable,
      handler,
      record: method,
      parameters,
      components: sortComponents(method.uses, handler, this.reportComponent),
      metadata: new Map([...record.metadata, ...method.metadata]),
    };
  }

  refuseComponents({ handler, components }: ScannedMethod, roles: readonly Role[], reason: string): void {
    for (const role of roles) {
      for (const component of components[role]) {
        this.report(
          'HALYARD_BOOT_COMPONENT',
          handler,
          `the ${role} ${nameOfComponent(component)} cannot run here: ${reason}`,
          'put it on the controller',
        );
      }
    }
  }

  readonly reportComponent = (where: string, reason: string, fix: string): void =>
    this.report('HALYARD_BOOT_COMPONENT', where, reason, fix);

  report(code: BootCode, where: string, reason: string, fix: string, parameter?: number): void {
    const { problems } = this.options;
    const known = problems.some(
      (p) => p.code === code && p.where === where && p.parameter === parameter && p.reason === reason,
    );
    if (!known) problems.push({ code, where, reason, fix, parameter });
  }
}

/** `/a/b` of `a` and `/b/`; slashes of all kinds come out as one each. */
export function joinPath(...parts: readonly string[]): string {
  const segments = parts.flatMap((part) => part.split('/')).filter((segment) => segment !== '');
  return `/${segments.join('/')}`;
}
