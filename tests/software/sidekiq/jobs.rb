# frozen_string_literal: true

# What Sidekiq's worker works on: `sidekiq -r jobs.rb`, with REDIS_URL.

require "sidekiq"

# Debian's Sidekiq is older than its redis-rb, which speaks of that at each call.
Redis.silence_deprecations = true

# A test does not want to wait for the usual 15 s.
Sidekiq.options[:poll_interval_average] = 0.1

# Leaves its result; fails the first time if it is told to.
class Square
  include Sidekiq::Worker
  sidekiq_options retry: 3, backtrace: 2
  sidekiq_retry_in { 3600 }

  def perform(number, fails)
    Sidekiq.redis do |redis|
      raise "not yet" if fails && redis.incr("tries:#{number}") == 1

      redis.hset("squares", number, number**2)
      redis.incr("runs")
    end
  end
end

# Is buried at once.
class Hopeless
  include Sidekiq::Worker
  sidekiq_options retry: 0, queue: "low"

  def perform
    raise ArgumentError, "no"
  end
end
