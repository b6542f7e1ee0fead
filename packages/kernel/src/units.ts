declare const unit: unique symbol
type Unit<Name extends string> = number & { readonly [unit]: Name }

/**
 * Position of a record in its partition: a safe integer. 64-bit on the wire and on disk, checked where it is decoded.
 */
export type Offset = Unit<'offset'>

/** Byte position inside one segment file. */
export type FilePosition = Unit<'file-position'>

/**
 * A number from the edge (wire, disk, user) as an offset.
 *
 * @throws RangeError when it is not a safe integer or lies below -1 (Kafka's "unknown").
 */
export function offset(value: number): Offset {
  if (!Number.isSafeInteger(value) || value < -1) throw new RangeError(`${value} is not an offset`)
  return value as Offset
}

/** The offset that follows `count` records starting at `first`. */
export function offsetAfter(first: Offset, count: number): Offset {
  return offset(first + count)
}

/** A byte count inside a segment file. @throws RangeError below zero or past 2^53. */
export function filePosition(value: number): FilePosition {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a file position`)
  return value as FilePosition
}
