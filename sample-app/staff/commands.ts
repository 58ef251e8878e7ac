import { Matches } from 'class-validator';

/** `{"event": "remove", "payload": {"person": "0f3c…"}}` */
export class Removal {
  @Matches(/^[0-9a-f]{16}$/, { message: 'A person is removed by id' })
  person!: string;
}
