/** The values of a map or set at the start of the iteration, without those deleted meanwhile: however many are added, it ends. */
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
