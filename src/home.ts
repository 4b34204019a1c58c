/** The directory of this checkout or package: one level above that of this file, and of the bundle that contains it. */
export const HOME = new URL('..', import.meta.url)
