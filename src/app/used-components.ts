/** Which classes an app uses, so that the container can provide them; and what is odd about them. */

import { HalyardContainer } from '../di/container.js';
import type { Token } from '../di/provider.js';
import type { BootProblem } from '../errors.js';

import { returnType, type Class } from '../metadata/metadata.js';
import { dtoOf } from '../pipeline/body.js';
import { hasRules } from '../pipeline/dto/dto-class.js';

import { nameOfComponent, type Components } from './components.js';

import type { Scanned } from './scan.js';
import type { ScannedMethod } from './scan-context.js';

/** Controllers and component classes provide themselves. @returns all tokens that the compiler will ask for */
export function registerUsed(
  container: HalyardContainer,
  controllers: readonly Class[],
  app: Components,
  scanned: Scanned,
): Set<Token> {
  const tokens = new Set<Token>();
  const used = [app, ...methodsOf(scanned).flatMap(({ components }) => components), ...controllerComponents(scanned)];
  for (const components of used) {
    for (const component of Object.values(components).flat() as object[]) {
      if (typeof component !== 'function') continue;
      container.registerSelf(component as unknown as Class);
      tokens.add(component as unknown as Class);
    }
  }
  for (const method of methodsOf(scanned)) {
    for (const spec of method.parameters) {
      if (spec?.from === 'provider') tokens.add(spec.token as Token);
      for (const pipe of spec && 'pipes' in spec ? spec.pipes : []) {
        if (typeof pipe !== 'function') continue;
        container.registerSelf(pipe as Class);
        tokens.add(pipe as Class);
      }
    }
  }
  for (const controller of controllers) {
    if (typeof controller !== 'function') continue;
    container.registerSelf(controller);
    tokens.add(controller);
  }
  return tokens;
}

function methodsOf({ paths, http }: Scanned): ScannedMethod[] {
  return [...paths.flatMap(({ endpoints, hooks }) => [...endpoints, ...Object.values(hooks).flat()]), ...http];
}

function controllerComponents({ paths, http }: Scanned): Components[] {
  return [...paths.map(({ components }) => components), ...http.map((endpoint) => endpoint.controllerComponents)];
}

/** Observers see a connection before its scope is open, and after it has gone. */
export function checkObservers(
  container: HalyardContainer,
  app: Components,
  scanned: Scanned,
  problems: BootProblem[],
): void {
  const observers = [
    app,
    ...controllerComponents(scanned),
    ...methodsOf(scanned).map(({ components }) => components),
  ].flatMap((components) => components.observer);
  for (const observer of new Set(observers)) {
    if (typeof observer !== 'function' || !container.isScoped(observer as Class)) continue;
    problems.push({
      code: 'HALYARD_BOOT_SCOPE',
      where: nameOfComponent(observer),
      reason: 'an observer outlives connections, and this one is scoped to one',
      fix: 'make it a singleton, and read what it needs from the context',
    });
  }
}

/** What is no mistake, but seldom meant. */
export function warn(scanned: Scanned, defaultMode: string, log: (text: string) => void): void {
  for (const method of methodsOf(scanned)) {
    for (const spec of method.parameters) {
      if (spec?.from !== 'body') continue;
      const dto = dtoOf(spec.info.type);
      if (dto && !hasRules(dto)) {
        log(`${method.handler}: ${dto.name} has no class-validator rules: whatever a client sends passes`);
      }
    }
  }
  for (const { endpoints, options } of scanned.paths) {
    if ((options.mode ?? defaultMode) !== 'receiveOnly') continue;
    for (const { controller, handler } of endpoints) {
      const type = returnType(controller, handler.slice(handler.indexOf('.') + 1));
      if (type === undefined || type === Promise) continue;
      log(`${handler}: what a receiveOnly endpoint returns is dropped`);
    }
  }
}
