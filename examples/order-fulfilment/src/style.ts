const inTerminal = process.stdout.isTTY && !process.env['NO_COLOR']

function colour(code: number): (text: string) => string {
  return inTerminal
    ? (text) => `\u001b[${code}m${text}\u001b[0m`
    : (text) => text
}

export const bold = colour(1)
export const dim = colour(2)
export const red = colour(31)
export const green = colour(32)
export const yellow = colour(33)
export const cyan = colour(36)

export function seconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(2)} s`
}
