# A script asks by the command line; with a netcat that knows Unix sockets it needs no more than
# printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"/prices/of","params":["tea"]}' \
#   | nc -UN "$PORTWEAVE_SOCKET"
portweave ask shop/order/7/tea
portweave ask prices/greeting 8
portweave ask shop/order/9/tea || echo "exit status $?"
