/** Reads what class-transformer's decorators say about a class, once, and says what cannot be compiled. */
import { TransformationType } from 'class-transformer';
import type { Class } from '../../metadata/metadata.js';
import { isDto, rulesOf } from './dto-class.js';
import { copyJson, toInstance, toScalar, toSet, type Convert } from './conversions.js';
import { make } from './engine.js';
import { NotCompiled } from './not-compiled.js';
import type { MakePlan } from './plan.js';
import type { TransformFunction, TransformerMetadata, TypeRecord } from './transformer-metadata.js';

const toClass = TransformationType.PLAIN_TO_CLASS;

const scalars: ReadonlyMap<unknown, Convert> = new Map<unknown, Convert>([
  [String, toScalar(String)],
  [Number, toScalar(Number)],
  [Boolean, toScalar(Boolean)],
  [Date, toScalar((value) => new Date(value as string | number))],
]);

/** The emitted types of properties whose arrays stay arrays. */
const arrayTypes: ReadonlySet<unknown> = new Set([undefined, Array, Object, String, Number, Boolean, Date]);

export class MakeCompiler {
  /** A class may hold itself. */
  readonly #compiled = new Map<Class, MakePlan>();

  constructor(private readonly metadata: TransformerMetadata) {}

  /** Throws `NotCompiled`. */
  compile(type: Class): MakePlan {
    const known = this.#compiled.get(type);
    if (known) return known;
    const plan: MakePlan = {
      type: type as new () => object,
      known: new Map(),
      hidden: new Set(['__proto__', 'constructor']),
      exposed: [],
      onlyExposed: this.metadata.getStrategy(type) === 'excludeAll',
    };
    this.#compiled.set(type, plan);
    const { metadata } = this;
    const lineage = lineageOf(type);
    const exposed = metadata.getExposedProperties(type, toClass);
    const excluded = metadata.getExcludedProperties(type, toClass);
    const exposedKeys = exposed.map((name) => metadata.findExposeMetadata(type, name)?.options?.name ?? name);
    const keys = new Set([
      ...rulesOf(type).map(({ propertyName }) => propertyName),
      ...lineage.flatMap((base) => [
        ...Object.getOwnPropertyNames(base.prototype),
        ...namesIn(metadata._typeMetadatas, base),
        ...namesIn(metadata._transformMetadatas, base),
      ]),
      ...excluded,
      ...exposedKeys,
      // Also those of an `@Expose` that a subclass has replaced: they go on to lead to its property.
      ...metadata.getExposedMetadatas(type).flatMap(({ options }) => options?.name ?? []),
    ]);
    for (const key of keys) {
      const name = metadata.findExposeMetadataByCustomName(type, key)?.propertyName ?? key;
      const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name);
      const isHidden =
        plan.hidden.has(key) ||
        excluded.includes(key) ||
        (plan.onlyExposed && !exposedKeys.includes(key)) ||
        hasGroups(metadata.findExposeMetadata(type, key)) ||
        (descriptor !== undefined && !descriptor.set);
      if (isHidden) {
        plan.hidden.add(key);
        continue;
      }
      const convert = this.#convert(type, name);
      const transforms = this.#transforms(type, name);
      plan.known.set(key, { key, name, convert, transforms: transforms.length > 0 ? transforms : undefined });
    }
    for (const key of new Set(exposedKeys)) {
      const property = plan.known.get(key);
      if (property) plan.exposed.push(property);
    }
    return plan;
  }

  /** What `@Type` makes of a property; `Object`: it stays as JSON has it. */
  madeType(type: Class, name: string): unknown {
    const record = this.metadata.findTypeMetadata(type, name);
    if (!record) return Object;
    const where = `${type.name}.${name}`;
    if (record.options?.discriminator) throw new NotCompiled(where, '@Type with a discriminator');
    return record.typeFunction ? staticType(record.typeFunction, where) : record.reflectedType;
  }

  isTransformed(type: Class, name: string): boolean {
    return this.#transforms(type, name).length > 0;
  }

  #transforms(type: Class, name: string): TransformFunction[] {
    const records = this.metadata.findTransformMetadatas(type, name, toClass);
    return records.filter((record) => !hasGroups(record)).map(({ transformFn }) => transformFn);
  }

  #convert(type: Class, name: string): Convert | undefined {
    const made = this.madeType(type, name);
    const reflectedType = this.metadata.findTypeMetadata(type, name)?.reflectedType;
    if (made === Object && reflectedType === undefined) return undefined;
    const where = `${type.name}.${name}`;
    const convert = this.#convertTo(made, where);
    if (reflectedType === Set) return toSet(convert);
    // An array is given to what the property was declared as, if that can take one.
    const staysArray = arrayTypes.has(reflectedType) || (isDto(reflectedType) && !('push' in reflectedType.prototype));
    if (!staysArray) throw new NotCompiled(where, `@Type on a property of the type ${nameOf(reflectedType)}`);
    return convert;
  }

  #convertTo(declared: unknown, where: string): Convert {
    if (declared === Object) return copyJson;
    const scalar = scalars.get(declared);
    if (scalar) return scalar;
    if (!isDto(declared)) throw new NotCompiled(where, `@Type(() => ${nameOf(declared)})`);
    const plan = this.compile(declared);
    return toInstance((source) => make(plan, source, false));
  }
}

/** The class itself first. Throws `NotCompiled` for those that extend what is built in, as `Array` is. */
function lineageOf(type: Class): Class[] {
  const lineage: Class[] = [];
  for (let base: unknown = type; isClass(base); base = Object.getPrototypeOf(base)) {
    if (/\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(base))) {
      throw new NotCompiled(type.name, `it extends ${base.name}`);
    }
    lineage.push(base);
  }
  return lineage;
}

function isClass(type: unknown): type is Class {
  return typeof type === 'function' && type.prototype !== undefined;
}

function namesIn(records: TransformerMetadata['_typeMetadatas'], type: Class): string[] {
  return [...(records.get(type)?.keys() ?? [])].filter((name) => name !== undefined);
}

/** We give no groups, and what has some is then left out. */
function hasGroups(record: { readonly options?: { readonly groups?: readonly string[] } } | undefined): boolean {
  return (record?.options?.groups?.length ?? 0) > 0;
}

/** The type that `@Type` gives whatever the value is. */
function staticType(typeFunction: NonNullable<TypeRecord['typeFunction']>, where: string): unknown {
  let looked = false;
  const watch = (): never => {
    looked = true;
    throw new Error('depends');
  };
  const options = new Proxy({}, { get: watch, has: watch, ownKeys: watch });
  let type: unknown;
  try {
    type = typeFunction(options as never);
  } catch {
    looked = true;
  }
  if (looked) throw new NotCompiled(where, '@Type that depends on the value');
  return type;
}

function nameOf(type: unknown): string {
  return typeof type === 'function' ? type.name : String(type);
}
