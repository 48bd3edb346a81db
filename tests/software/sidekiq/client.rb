# frozen_string_literal: true

# Gives Sidekiq's worker its jobs, waits for what becomes of them and says it as JSON.

require "json"
require_relative "jobs"
require "sidekiq/api"

JOBS = 200

def wait_until
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 90
  until yield
    raise "nothing comes" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    sleep 0.02
  end
end

def runs
  Sidekiq.redis { |redis| redis.get("runs") }.to_i
end

(0...JOBS - 10).each { |number| Square.perform_async(number, (number % 20).zero?) }
Sidekiq::Client.push_bulk(
  "class" => Square, "args" => (JOBS - 10...JOBS - 5).map { |number| [number, false] }
)
(JOBS - 5...JOBS).each { |number| Square.perform_in(0.5, number, false) }
later = Square.perform_in(3600, -1, false)
Hopeless.perform_async

retries = Sidekiq::RetrySet.new
dead = Sidekiq::DeadSet.new
wait_until { retries.size == 10 && dead.size == 1 }
retry_fields = retries.first.item.slice("error_class", "error_message", "retry_count", "queue")
retries.retry_all
scheduled = Sidekiq::ScheduledSet.new
found = scheduled.find_job(later).item["args"]
wait_until { runs == JOBS }
left = scheduled.size
scheduled.find_job(later).delete

squares = Sidekiq.redis { |redis| redis.hgetall("squares") }
puts JSON.generate(
  squares: squares.count { |number, square| square.to_i == number.to_i**2 },
  retry: retry_fields,
  retries_left: retries.size,
  dead: dead.map { |job| [job.klass, job.queue, job.item["error_message"]] },
  later: found,
  scheduled: [left, scheduled.size],
  queues: Sidekiq::Queue.all.to_h { |queue| [queue.name, queue.size] },
  workers: Sidekiq::ProcessSet.new.map { |process| [process["concurrency"], process["queues"]] }
)
