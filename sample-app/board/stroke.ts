/** What clients send, with the rules that class-validator holds it to. Properties without a rule are thrown away. */
import { ArrayMaxSize, ArrayMinSize, IsIn, IsInt, Max, Min, ValidateBy } from 'class-validator';

/** A board is so large, whatever the size that a page shows it in. */
export const boardWidth = 4000;
export const boardHeight = 3000;
/** How many numbers a piece has at most: two a point. */
export const maxNumbers = 128;

/** A rule of our own. */
const ArePairs = ValidateBy({
  name: 'arePairs',
  validator: {
    validate: (value) => Array.isArray(value) && value.length % 2 === 0,
    defaultMessage: () => 'Points are pairs of numbers: x, y, x, y, …',
  },
});

/**
 * A piece of a line: `{"event": "draw", "payload": {"line": 7, "part": 0, "color": 2, "width": 10, "points": [0, 0, 9, 12]}}`.
 * A line is sent piece by piece while it is drawn; each piece begins where the last one has ended.
 */
export class NewStroke {
  /** Tells the lines of a person apart. */
  @IsInt()
  @Min(0)
  @Max(2 ** 31 - 1)
  line!: number;

  @IsInt()
  @Min(0)
  @Max(100_000)
  part!: number;

  /** A number: what it looks like is the page's business, and another thing in the dark. */
  @IsIn([0, 1, 2, 3, 4, 5])
  color!: number;

  @IsIn([8, 20, 48])
  width!: number;

  @ArePairs
  @ArrayMinSize(2)
  @ArrayMaxSize(maxNumbers)
  @IsInt({ each: true })
  @Min(0, { each: true })
  @Max(boardWidth, { each: true })
  points!: number[];
}

/** As it is kept and shown: with the id of the person who drew it. */
export interface Stroke extends NewStroke {
  by: string;
}
