import { defineFaultContract } from '../../src/testing/index.js'
import { type Defect, RawAdapter } from './raw-adapter.js'

// Run by `fault-contract.test.ts`, once for each defect.

const defect = process.env['ADAPTER_DEFECT'] as Defect

defineFaultContract(`a third client, ${defect}`, {
  create: (url) => new RawAdapter(url, defect),
  serverUrl: () => process.env['REDIS_TEST_URL']!,
})
