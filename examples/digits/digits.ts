/** What labelled digits are, wherever they come from: files here, a request in a page. */

/** Pixels along one side of a digit. */
export const SIDE = 28;

/** Pixels of one digit. */
export const PIXELS = SIDE * SIDE;

/** The digits 0 to 9. */
export const CLASSES = 10;

/** Labelled digits: `count` rows of 784 pixels (0 is paper, 255 is ink), and as many labels from 0 to 9. */
export interface Digits {
  count: number;
  pixels: Uint8Array;
  labels: Uint8Array;
}
