/**
 * DTOs: a class whose instances are made by class-transformer's decorators and checked by class-validator's. Their
 * metadata is read once, at boot, and compiled to a reader that does what `plainToInstance` and `validate` with
 * `whitelist` would; what cannot be compiled goes through the libraries.
 */
import type { Class } from '../../metadata/metadata.js';
import { refuseDepth, wrongType } from '../violations.js';
import { CheckCompiler } from './compile-check.js';
import { MakeCompiler } from './compile-make.js';
import { hasRules } from './dto-class.js';
import { readerOf } from './engine.js';
import { readThroughLibraries } from './libraries.js';
import { NotCompiled } from './not-compiled.js';
import { transformerMetadata } from './transformer-metadata.js';

export interface Dto {
  /** An instance of what JSON holds; a promise where it goes through the libraries. */
  readonly read: (value: unknown) => unknown;
  /** Why it goes through the libraries; `undefined`: it is compiled. */
  readonly notCompiled?: string;
}

/** @param metadata of class-transformer; `null`: it cannot be read */
export function compileDto(type: Class, metadata = transformerMetadata()): Dto {
  const isChecked = hasRules(type);
  const throughLibraries = (value: object): unknown => readThroughLibraries(type, isChecked, value).catch(refuseDepth);
  try {
    if (!metadata) throw new NotCompiled(type.name, 'the metadata of class-transformer cannot be read');
    const makes = new MakeCompiler(metadata);
    const toMake = makes.compile(type);
    const toCheck = isChecked ? new CheckCompiler(makes).compile(type) : undefined;
    return { read: readerOf(toMake, toCheck, throughLibraries) };
  } catch (error) {
    if (!(error instanceof NotCompiled)) throw error;
    const read = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType('an object', value);
      return throughLibraries(value);
    };
    return { read, notCompiled: error.message };
  }
}
