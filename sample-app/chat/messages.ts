/** What clients send, with the rules that class-validator holds it to. Properties without a rule are thrown away. */
import { IsBoolean, Length, Matches } from 'class-validator';
import { trim } from '../entrance/trim.js';

/** `{"event": "message", "payload": {"text": "Hello"}}` */
export class NewMessage {
  @trim
  @Length(1, 500, { message: 'A message has 1 to 500 characters' })
  text!: string;
}

/** `{"event": "private", "payload": {"to": "0f3c…", "text": "Psst"}}` */
export class NewPrivateMessage extends NewMessage {
  /** The id of a person. */
  @Matches(/^[0-9a-f]{16}$/, { message: 'A private message is to the id of a person' })
  to!: string;
}

/** `{"event": "typing", "payload": {"typing": true}}` */
export class Typing {
  @IsBoolean()
  typing!: boolean;
}

/** The body of `POST /rooms/:room/announce`. */
export class Announcement {
  @trim
  @Length(1, 200, { message: 'An announcement has 1 to 200 characters' })
  text!: string;
}
