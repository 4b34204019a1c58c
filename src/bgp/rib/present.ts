/** The values that a map or set has when the iteration begins, without those that go: however many are added meanwhile, it ends. */
export function* present<T>(
  values: { readonly size: number; values(): Iterable<T> } | undefined,
): Generator<T, void> {
  if (values === undefined) return
  let left = values.size
  for (const value of values.values()) {
    if (left-- === 0) return
    yield value
  }
}
