/** Only a bug of ours can raise this. What the world can break is thrown as a `MillraceError`. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

/** @throws AssertionFailure when `condition` is false. A thunk's message is built only then. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionFailure(typeof message === 'string' ? message : message())
}

/** For the branch that types say cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unexpected ${String(value)}`)
}
