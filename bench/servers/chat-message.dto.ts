import { IsInt, IsString, Length, Min } from 'class-validator';
import type { ChatMessage } from '../work.js';

/** The message with the rules of `validated-echo-16`. */
export class ChatMessageDto implements ChatMessage {
  @IsString()
  @Length(1, 50)
  room!: string;

  @IsString()
  @Length(1, 50)
  author!: string;

  @IsString()
  @Length(1, 500)
  text!: string;

  @IsInt()
  @Min(0)
  sequence!: number;
}
