import { Transform } from 'class-transformer';

/** A text without the blanks around it. What is no text is left to the rules. */
export const trim = Transform(({ value }) => (typeof value === 'string' ? value.trim() : (value as unknown)));
