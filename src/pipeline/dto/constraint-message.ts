import type { ValidationArguments } from 'class-validator';

/**
 * The text of a broken rule as class-validator makes it: `$constraint1`, `$value`, `$property` and `$target` are filled in,
 * in this order, each in what the ones before have left.
 */
export function constraintMessage(template: unknown, args: ValidationArguments): string {
  let messageString = (
    typeof template === 'function' ? (template as (args: ValidationArguments) => unknown)(args) : template
  ) as string;
  if (!messageString) return messageString;
  for (const [index, constraint] of ((args.constraints ?? []) as unknown[]).entries()) {
    messageString = messageString.replace(new RegExp(`\\$constraint${index + 1}`, 'g'), textOfConstraint(constraint));
  }
  const value: unknown = args.value;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    messageString = messageString.replace(/\$value/g, String(value));
  }
  return messageString.replace(/\$property/g, args.property).replace(/\$target/g, args.targetName);
}

function textOfConstraint(constraint: unknown): string {
  if (Array.isArray(constraint)) return constraint.join(', ');
  return String(typeof constraint === 'symbol' ? constraint.description : constraint);
}
