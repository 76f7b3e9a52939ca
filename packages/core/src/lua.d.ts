/** Lua files are bundled as text: see `tsdown.config.ts`. */
declare module '*.lua' {
  const source: string
  export default source
}
