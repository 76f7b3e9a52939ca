import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'

/** Made for this test, for `localhost`; nobody trusts it. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVbKU3+S/dp63zQO9
47UWoCoV2ip6b0SXrjovFmCTb4GhRANCAARHZdKMgvD6OLmFMTPgjFIpbN5rYvK7
Uzxu+g4s0qUwy4nuT4VnNdsGw/7Fsh0pnx4nW2zvG82uJA3YX1szLDtV
-----END PRIVATE KEY-----`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBgDCCASWgAwIBAgIUaE/D7XznehPFaCh9MRjwu0rFYkwwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTAyNTcwOVoYDzIxMjYxMTAx
MDI1NzA5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARHZdKMgvD6OLmFMTPgjFIpbN5rYvK7Uzxu+g4s0qUwy4nuT4VnNdsG
w/7Fsh0pnx4nW2zvG82uJA3YX1szLDtVo1MwUTAdBgNVHQ4EFgQUilQrClJ/cNDT
C7BbDOYfHsgGHqwwHwYDVR0jBBgwFoAUilQrClJ/cNDTC7BbDOYfHsgGHqwwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA+VM7azfLux/zGygqIxjJ
IR0y7zbi87QaTT9CpRKjcU4CIQCFErDSFfdOk+Gbs+QCAmUS/qHVeP39vK0T21+I
V1//rA==
-----END CERTIFICATE-----`

/** Speaks HTTPS with a certificate that signed itself. */
export async function startUntrustedServer(
  onRequest: () => void
): Promise<{ endpoint: string; server: Server }> {
  const server = createServer(
    { key: KEY, cert: CERTIFICATE },
    (_, response) => {
      onRequest()
      response.end('"untrusted"')
    }
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { endpoint: `https://localhost:${port}`, server }
}
