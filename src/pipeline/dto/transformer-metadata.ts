/**
 * What the decorators of class-transformer recorded. The package exports no way to read it, so its storage is taken from
 * its files; and since a bundler may have made a second copy of them, it is tried whether the decorators write to this one.
 */
import { createRequire } from 'node:module';
import { Type, type Transform, type TypeHelpOptions } from 'class-transformer';
import type { Class } from '../../metadata/metadata.js';

/** `@Type` on a property. */
export interface TypeRecord {
  /** The emitted type of the property. */
  readonly reflectedType: unknown;
  readonly typeFunction: ((options?: TypeHelpOptions) => unknown) | undefined;
  readonly options?: { readonly discriminator?: unknown };
}

export type TransformFunction = Parameters<typeof Transform>[0];

/** `@Transform` on a property. */
export interface TransformRecord {
  readonly transformFn: TransformFunction;
  readonly options?: { readonly groups?: readonly string[] };
}

/** `@Expose` on a property. */
export interface ExposeRecord {
  readonly propertyName: string;
  readonly options?: { readonly name?: string; readonly groups?: readonly string[] };
}

type ByProperty = Map<unknown, ReadonlyMap<string | undefined, unknown>>;

/** The part of class-transformer's `MetadataStorage` that is read. Classes that a class extends count everywhere. */
export interface TransformerMetadata {
  readonly _typeMetadatas: ByProperty;
  readonly _transformMetadatas: ByProperty;
  getStrategy(type: Class): 'none' | 'exposeAll' | 'excludeAll';
  findTypeMetadata(type: Class, property: string): TypeRecord | undefined;
  findTransformMetadatas(type: Class, property: string, transformation: number): TransformRecord[];
  findExposeMetadata(type: Class, property: string): ExposeRecord | undefined;
  findExposeMetadataByCustomName(type: Class, name: string): ExposeRecord | undefined;
  getExposedMetadatas(type: Class): ExposeRecord[];
  getExposedProperties(type: Class, transformation: number): string[];
  getExcludedProperties(type: Class, transformation: number): string[];
}

class Probe {
  at?: unknown;
}

let found: TransformerMetadata | null | undefined;

/** The storage, or `null` where it cannot be found. */
export function transformerMetadata(): TransformerMetadata | null {
  return (found ??= search());
}

function search(): TransformerMetadata | null {
  try {
    const load = createRequire(import.meta.url) as (file: string) => { defaultMetadataStorage: TransformerMetadata };
    const storage = load('class-transformer/cjs/storage.js').defaultMetadataStorage;
    Type(() => Date)(Probe.prototype, 'at');
    const isTheirs = storage._typeMetadatas.delete(Probe) && storage._transformMetadatas instanceof Map;
    return isTheirs ? storage : null;
  } catch {
    return null;
  }
}
