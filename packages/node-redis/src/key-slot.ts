const SLOTS = 16_384

/**
 * The slot of a key in a cluster: CRC16 (XMODEM) of what is between its first
 * braces, or of the whole key if that is nothing.
 */
export function keySlot(key: string): number {
  const [, hashed = key] = /^[^{]*\{([^}]+)\}/.exec(key) ?? []
  let crc = 0
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
    }
    crc &= 0xffff
  }
  return crc % SLOTS
}
