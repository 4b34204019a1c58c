/** Where this checkout or package is: one folder above that of this file, and of the bundle that it is in. */
export const HOME = new URL('..', import.meta.url)
