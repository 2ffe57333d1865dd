/** What GET / says. */
import { MAX_BINARY_BYTES, MAX_JSON_BYTES, MAX_SIZE, MAX_STEPS } from "./limits.ts";
import { NORMS } from "./norms.ts";

export const USAGE = `POST a batch of rows, get every row back normalised.

Binary, streamed:
  POST /?norm=adaNorm&size=768
  content-type: application/octet-stream
  rows of little-endian float32, ${MAX_BINARY_BYTES / 2 ** 20} MiB at most; the answer has the same form

JSON:
  POST /
  content-type: application/json
  { "norm": "adaNorm", "size": 4, "rows": [[1, 2, 3, 4]] }, or flat: "data": [1, 2, 3, 4]; ${MAX_JSON_BYTES / 2 ** 20} MiB at most

  norm    ${NORMS.join(", ")}; up to ${MAX_STEPS} with commas between them, l2Norm last
  size    the length of a row, 1 to ${MAX_SIZE}
  eps     0 or more, 1e-5 by default; not of l2Norm
  epsAt   variance (default) or std: where eps is added
  ddof    0 (default) or 1: subtracted from size in the variance
  scale   adaNorm only: more than 0, 1 by default
  k       adaNorm only: 0 or more, 0.1 by default
  dimensions  keep the first so many elements of a row: before l2Norm, or after other norms
  as      float32 (default), int8 (each row by its own scale, max|x| / 127) or bits (1 where x > 0)
`;
