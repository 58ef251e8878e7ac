/** Which classes are DTOs, and what class-validator recorded about them. */
import { getMetadataStorage } from 'class-validator';
import type { Class } from '../../metadata/metadata.js';
import { Message } from '../message.js';

/** The binary types that a body may be declared as. */
export const byteTypes: ReadonlySet<unknown> = new Set([Buffer, Uint8Array, ArrayBuffer]);

const notDtos: ReadonlySet<unknown> = new Set([
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
  Promise,
  Date,
  Map,
  Set,
  Message,
]);

/** Whether a type can be the class of a body. */
export function isDto(type: unknown): type is Class {
  return typeof type === 'function' && !notDtos.has(type) && !byteTypes.has(type) && type.prototype !== undefined;
}

/** A rule as a decorator of class-validator recorded it. */
export type RuleRecord = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

/** The rules of a class and of those that it extends: without groups all of them count, whatever their own say. */
export function rulesOf(type: Class): RuleRecord[] {
  return getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
}

/** Whether a class has rules of class-validator. */
export function hasRules(type: Class): boolean {
  return rulesOf(type).length > 0;
}
