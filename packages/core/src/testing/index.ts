export {
  type AdapterHarness,
  defineAdapterContract,
} from './adapter-contract.js'
export { defineFaultContract, type FaultHarness } from './fault-contract.js'
export { FaultProxy } from './fault-proxy.js'
export { defineLockContract } from './lock-contract.js'
