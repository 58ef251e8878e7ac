/** Standard Schema (https://standardschema.dev): zod, valibot, arktype. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { refuseDepth, violated } from './violations.js';

/** Whether something is a Standard Schema: zod, valibot, arktype, … */
export function isSchema(type: unknown): type is StandardSchemaV1 {
  return (typeof type === 'object' || typeof type === 'function') && type !== null && '~standard' in type;
}

/** The value that the schema makes of it; a promise where it validates asynchronously. */
export function validateSchema(schema: StandardSchemaV1, value: unknown): unknown {
  try {
    const result = schema['~standard'].validate(value);
    return result instanceof Promise ? result.then(schemaValue, refuseDepth) : schemaValue(result);
  } catch (error) {
    return refuseDepth(error);
  }
}

function schemaValue(result: StandardSchemaV1.Result<unknown>): unknown {
  if (!result.issues) return result.value;
  throw violated(
    result.issues.map((issue) => ({
      path: (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
      rule: ruleOfIssue(issue),
      message: issue.message,
    })),
  );
}

/** zod names its rule `code`, valibot `type`; the standard has no name for it. */
function ruleOfIssue(issue: StandardSchemaV1.Issue): string {
  const { code, type } = issue as { code?: unknown; type?: unknown };
  return typeof code === 'string' ? code : typeof type === 'string' ? type : 'schema';
}
