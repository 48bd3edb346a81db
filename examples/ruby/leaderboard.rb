# frozen_string_literal: true

# A leaderboard with redis-rb: ruby leaderboard.rb [PORT]

require "redis"

db = Redis.new(port: (ARGV[0] || 6379).to_i)
db.del("scores")
db.zadd("scores", [[120, "ann"], [95, "bob"], [140, "eve"]])
db.zincrby("scores", 30, "bob")
best = db.zrevrange("scores", 0, 1, with_scores: true)
best.each { |name, score| print name, " ", score.to_i, " " }
puts "bob is number #{db.zrevrank('scores', 'bob') + 1}"
