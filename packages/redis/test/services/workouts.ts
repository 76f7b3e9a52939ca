import { deploymentWorkout } from '../deployments/deployment-workout.js'
import { channelWorkout, eventHubWorkout } from '../channels/channel-workout.js'
import { sessionWorkout } from '../sessions/session-workout.js'
import type { Workout } from './workout.js'

/** Every service but the workflows', which have suites of their own. */
export const WORKOUTS: readonly Workout[] = [
  sessionWorkout,
  deploymentWorkout,
  channelWorkout,
  eventHubWorkout,
]
