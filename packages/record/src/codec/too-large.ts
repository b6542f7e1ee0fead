/** Compressed bytes that hold more than their reader has room for. */
export function tooLarge(maxBytes: number, cause?: unknown): RangeError {
  return new RangeError(`it holds more than the ${maxBytes} bytes allowed`, cause === undefined ? undefined : { cause })
}
