/** What clients send, with the rules that class-validator holds it to. Properties without a rule are thrown away. */
import { randomUUID } from 'node:crypto';
import { Transform } from 'class-transformer';
import { Length, Matches } from 'class-validator';

const trim = Transform(({ value }) => (typeof value === 'string' ? value.trim() : (value as unknown)));

/** The address of a room: `/rooms/:room`. */
export class RoomAddress {
  @Matches(/^[\p{L}\p{N}_-]{1,40}$/u, { message: 'A room has a name of 1 to 40 letters, digits, - and _' })
  room!: string;
}

/** Who comes: `?name=Ada&visitor=…` */
export class Guest {
  @trim
  @Length(1, 30, { message: 'A name has 1 to 30 characters' })
  name!: string;

  /** A secret that tells two people of one name apart, also when they come back. */
  @Length(16, 64)
  visitor: string = randomUUID();
}

/** `{"event": "message", "payload": {"text": "Hello"}}` */
export class NewMessage {
  @trim
  @Length(1, 500, { message: 'A message has 1 to 500 characters' })
  text!: string;
}

/** The body of `POST /rooms/:room/announce`. */
export class Announcement {
  @trim
  @Length(1, 200, { message: 'An announcement has 1 to 200 characters' })
  text!: string;
}
