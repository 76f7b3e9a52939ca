import { deploymentWorkout } from '../deployments/deployment-workout.js'
import { channelWorkout, eventHubWorkout } from '../channels/channel-workout.js'
import {
  agentRunWorkout,
  agentStorageWorkout,
} from '../agents/agent-workouts.js'
import { credentialWorkout } from '../secrets/credential-workout.js'
import { secretWorkout } from '../secrets/secret-workout.js'
import { sessionWorkout } from '../sessions/session-workout.js'
import type { Workout } from './workout.js'

/** Every service but the workflows', which have suites of their own. */
export const WORKOUTS: readonly Workout[] = [
  sessionWorkout,
  deploymentWorkout,
  channelWorkout,
  eventHubWorkout,
  agentStorageWorkout,
  agentRunWorkout,
  secretWorkout,
  credentialWorkout,
]
