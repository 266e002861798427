# A script makes calls with the command; with a netcat that supports Unix sockets this is enough:
# printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"/prices/of","params":["tea"]}' \
#   | nc -UN "$PORTWEAVE_SOCKET"
portweave ask shop/order/7/tea
portweave ask prices/greeting 8
portweave ask shop/order/9/tea || echo "exit status $?"
