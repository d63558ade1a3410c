"""The ROS 2 node. The only package that imports rclpy and messages."""
