import { Length } from 'class-validator';
import { trim } from './trim.js';

/** Who comes: `?name=Ada`. */
export class Guest {
  @trim
  @Length(1, 30, { message: 'A name has 1 to 30 characters' })
  name!: string;
}
