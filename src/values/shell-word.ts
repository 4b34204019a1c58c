/** A text as one word of a POSIX shell, for commands that an operator copies: names of others may have blanks and `$` in them. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
